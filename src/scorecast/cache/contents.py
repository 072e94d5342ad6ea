"""What is in the cache of this machine, and how it is emptied by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorecast.cache.eviction import entries, entry_size, last_use, remove_unused
from scorecast.cache.locks import locked_if_free
from scorecast.cache.origins import uris_of
from scorecast.errors import ConfigError, did_you_mean

MODEL = "model"
DOWNLOAD = "download"
_DIGEST = "sha256-"
_LOCKS = ("lock", "use")


@dataclass(frozen=True, slots=True)
class Entry:
    """A model in the cache, or a download that is not complete.

    Attributes:
        path: Its directory.
        name: Digest of the model, ``sha256:...``; of a download its name.
        kind: ``model`` or ``download``.
        size: Bytes of its files, with what was derived from them.
        last_used: When it was last taken into use, or begun, in seconds since 1970.
        in_use: Whether a process of this machine uses, makes or checks it now.
        uris: Model URIs that it was downloaded from; empty for models that came from elsewhere.
    """

    path: Path
    name: str
    kind: str
    size: int
    last_used: float
    in_use: bool
    uris: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give the fields as JSON takes them."""
        return {
            "name": self.name,
            "kind": self.kind,
            "size": self.size,
            "last_used": self.last_used,
            "in_use": self.in_use,
            "uris": list(self.uris),
            "path": str(self.path),
        }


def list_entries(root: Path) -> list[Entry]:
    """Give what is in a cache directory, last used first."""
    found = [_entry(path) for path in entries(root)]
    return sorted(found, key=lambda entry: entry.last_used, reverse=True)


def find_entries(among: list[Entry], names: tuple[str, ...]) -> list[Entry]:
    """Give the entries that names or the beginnings of names stand for.

    Args:
        among: All entries.
        names: Digests, with ``sha256:`` or without, as long as they leave no choice; or names of
            downloads.

    Raises:
        ConfigError: A name stands for none, or for several.
    """
    found: dict[str, Entry] = {}
    problems = []
    for name in names:
        bare = name.removeprefix("sha256:")
        fitting = [each for each in among if bare and _bare(each).startswith(bare)]
        if len(fitting) == 1:
            found[fitting[0].name] = fitting[0]
        elif fitting:
            problems.append(f'"{name}" stands for {len(fitting)} entries; give more of the digest.')
        else:
            near = did_you_mean(name, [each.name for each in among])
            problems.append(f'"{name}" is not in the cache, see "scorecast cache list".{near}')
    if problems:
        what = "names of entries"
        raise ConfigError.from_problems(what, problems)
    return list(found.values())


def remove_entries(chosen: list[Entry], *, dry_run: bool) -> tuple[list[Entry], list[Entry]]:
    """Remove entries that nobody uses.

    Args:
        chosen: What to remove.
        dry_run: Whether only to tell what would be removed.

    Returns:
        What was removed or would be, and what is in use.
    """
    removed: list[Entry] = []
    kept: list[Entry] = []
    for entry in chosen:
        free = not entry.in_use if dry_run else remove_unused(entry.path)
        (removed if free else kept).append(entry)
    return removed, kept


def _entry(path: Path) -> Entry:
    is_model = path.name.startswith(_DIGEST)
    return Entry(
        path,
        path.name.replace("-", ":", 1) if is_model else path.name,
        MODEL if is_model else DOWNLOAD,
        entry_size(path),
        last_use(path) / 10**9,
        any(_is_held(path.with_name(f"{path.name}.{lock}")) for lock in _LOCKS),
        uris_of(path),
    )


def _is_held(file: Path) -> bool:
    if not file.exists():
        return False
    with locked_if_free(file) as free:
        return not free


def _bare(entry: Entry) -> str:
    return entry.name.removeprefix("sha256:")
