"""Which addresses of the network nobody is sent to, however they are written.

Machines of a cloud give away their credentials at an address of the link (169.254.169.254 and its
relatives), to whoever asks from the machine. So no URI, no redirect and no name leads there; and
what begins in the public network does not lead into a private one.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from urllib.parse import unquote

from scorecast.errors import ModelUriError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# All of the link, and what clouds use beside it: Amazon by IPv6, Alibaba, Azure.
_METADATA = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::254/128",
        "100.100.100.200/32",
        "168.63.129.16/32",
    )
)
# Networks of IPv6 whose last four bytes are an address of IPv4.
_EMBEDDING = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
_OWN = (ipaddress.IPv6Address("::"), ipaddress.IPv6Address("::1"))


def address_of(host: str) -> Address | None:
    """Give the address that a host is in any form that the system takes; None for a name.

    Args:
        host: ``169.254.169.254``, ``2852039166``, ``0xa9fea9fe``, ``[::ffff:a9fe:a9fe]`` and so on.
    """
    text = unquote(host).strip("[]").partition("%")[0].rstrip(".")
    with contextlib.suppress(UnicodeError):
        text = text.encode("idna").decode()
    with contextlib.suppress(ValueError):
        return _plain(ipaddress.ip_address(text))
    with contextlib.suppress(OSError, ValueError):
        return ipaddress.IPv4Address(socket.inet_aton(text))
    return None


def addresses_of(name: str, port: int) -> list[Address]:
    """Give the addresses that a name or address stands for.

    Raises:
        OSError: It stands for none.
    """
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [address for *_, place in found if (address := address_of(str(place[0]))) is not None]


def refuse_metadata(address: Address) -> None:
    """Refuse an address that only a machine itself has business with.

    Raises:
        ModelUriError: It is one.
    """
    if any(address in network for network in _METADATA):
        message = (
            f'The address "{address}" is refused: it is of the link or of the metadata service of '
            "a cloud, which gives credentials away and holds no models. Give the address of the "
            "server that has the model."
        )
        raise ModelUriError(message)


class Route:
    """Where the requests of one download have led so far."""

    def __init__(self) -> None:
        self._public = False

    def check(self, address: Address) -> None:
        """Say whether the next request may go to an address.

        Raises:
            ModelUriError: It may not.
        """
        refuse_metadata(address)
        if self._public and not address.is_global:
            message = (
                f'A server of the public network redirects to "{address}", which is of a private '
                "one; that is refused, since it would make requests behind a firewall that nobody "
                "asked for. Give the address there as the model URI, if it is meant."
            )
            raise ModelUriError(message)

    def arrived(self, address: Address) -> None:
        """Check the address that a connection has come to, and remember it.

        Raises:
            ModelUriError: Nothing may be sent there.
        """
        self.check(address)
        self._public = self._public or address.is_global


def _plain(address: Address) -> Address:
    """Give the address of IPv4 that an address of IPv6 stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address) or address in _OWN:
        return address
    embedded = address.ipv4_mapped or address.sixtofour
    if embedded is None and any(address in network for network in _EMBEDDING):
        embedded = ipaddress.IPv4Address(address.packed[-4:])
    return embedded or address
