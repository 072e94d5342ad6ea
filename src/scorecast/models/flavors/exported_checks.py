"""Checks of arguments that some operators of torch do not make themselves before they read memory.

Each takes what its operator takes, on a worker, before every call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scorecast.errors import InputMismatchError

_AXES = 3  # rows, steps and numbers


def _recurrent(gates: int) -> Callable[..., None]:
    """Check what a recurrent layer takes; its fast paths trust the shapes of weights and states."""

    def check(  # noqa: PLR0913 - the arguments of the operator
        data: Any,
        hidden: Any,
        weights: Sequence[Any],
        has_biases: bool,  # noqa: FBT001
        layers: int,
        dropout: float,
        train: bool,  # noqa: FBT001
        bidirectional: bool,  # noqa: FBT001
        batch_first: bool,  # noqa: FBT001
    ) -> None:
        del dropout, train
        states = hidden if isinstance(hidden, list) else [hidden]
        _need(all(each.dim() == _AXES for each in (data, *states)) and 0 < layers <= len(weights))
        directions = 2 if bidirectional else 1
        batch = data.shape[0 if batch_first else 1]
        # They differ where an LSTM has a projection, which takes one weight more.
        given, size = states[0].shape[2], states[-1].shape[2]
        shapes: list[tuple[int, ...]] = []
        for layer in range(layers):
            width = data.shape[2] if layer == 0 else given * directions
            one: list[tuple[int, ...]] = [(gates * size, width), (gates * size, given)]
            one += [(gates * size,)] * 2 if has_biases else []
            one += [(given, size)] if given != size else []
            shapes += one * directions
        _need([tuple(each.shape) for each in weights] == shapes)
        _need(all(each.shape[:2] == (layers * directions, batch) for each in states))
        _need(data.is_floating_point() and _alike([data, *states, *weights]))

    return check


def _attention(  # noqa: PLR0913 - the arguments of the operator
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,  # noqa: FBT001, FBT002
    **named: Any,
) -> None:
    """Check that there are as many values as keys, which the fast path takes for granted."""
    del attn_mask, dropout_p, is_causal, named
    _need(key.shape[-2:-1] == value.shape[-2:-1] and _alike([query, key, value]))


def _division(left: Any, right: Any, **named: Any) -> None:
    """Refuse the least whole number divided by -1, which ends the process in some versions."""
    del named
    tensors = [each for each in (left, right) if hasattr(each, "dtype")]
    if not tensors or any(each.is_floating_point() or not each.dtype.is_signed for each in tensors):
        return
    least = -(1 << 8 * max(each.element_size() for each in tensors) - 1)
    if ((left == least) & (right == -1)).any():
        message = (
            "The exported graph of the model divides the least whole number by -1, which has no "
            "result. Look at the data, or at how the model handles it."
        )
        raise InputMismatchError(message)


def _alike(tensors: Sequence[Any]) -> bool:
    return len({(each.dtype, each.device) for each in tensors}) == 1


def _need(fits: bool) -> None:  # noqa: FBT001 - it is all that there is to say
    if not fits:
        message = (
            "The exported graph of the model gives an operator of torch tensors that do not fit "
            "one another. Export the model again, or tell its author."
        )
        raise InputMismatchError(message)


CHECKS: Mapping[str, Callable[..., None]] = {
    "lstm.input": _recurrent(4),
    "gru.input": _recurrent(3),
    "rnn_relu.input": _recurrent(1),
    "rnn_tanh.input": _recurrent(1),
    "scaled_dot_product_attention.default": _attention,
    **dict.fromkeys(("div.Tensor_mode", "div.Scalar_mode"), _division),
    **dict.fromkeys(("floor_divide.default", "floor_divide.Scalar"), _division),
    **dict.fromkeys(("remainder.Tensor", "remainder.Scalar"), _division),
    **dict.fromkeys(("fmod.Tensor", "fmod.Scalar"), _division),
    **dict.fromkeys(("mod", "floordiv"), _division),
}
"""The check of an operator, by its name and overload; of one of Python by its name."""
