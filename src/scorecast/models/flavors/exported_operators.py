"""What a graph of ``torch.export`` may call when it is run without torch's own reader.

Operators of ATen that compute tensors from tensors and check what they are given: none reads or
writes a file, calls Python, takes packed weights or trusts an index.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

_ATEN = re.compile(r"torch\.ops\.aten\.(?P<name>\w+)\.(?P<overload>\w+)")

_ARITHMETIC = """
    abs add addcdiv addcmul ceil clamp clamp_max clamp_min cumprod cumsum div exp exp2 expm1 floor
    floor_divide fmod frac log log10 log1p log2 maximum minimum mul neg negative pow reciprocal
    remainder round rsqrt rsub sign sqrt square sub trunc true_divide xlogy
    acos acosh asin asinh atan atan2 atanh cos cosh erf erfc erfinv lgamma logit sin sinh tan
"""
_COMPARISON = """
    bitwise_and bitwise_not bitwise_or bitwise_xor eq ge gt isfinite isinf isnan le logical_and
    logical_not logical_or logical_xor lt masked_fill nan_to_num ne where
"""
_REDUCTION = """
    all amax amin any argmax argmin count_nonzero cummax cummin logsumexp max mean median min norm
    prod std sum topk sort argsort var var_mean linalg_vector_norm
"""
_MATRIX = """
    addbmm addmm addmv baddbmm bilinear bmm dot einsum linear matmul mm mv outer
    scaled_dot_product_attention tril triu diag diagonal
"""
_ACTIVATION = """
    celu elu gelu glu hardsigmoid hardswish hardtanh leaky_relu log_sigmoid log_softmax mish prelu
    relu relu6 rrelu selu sigmoid silu softmax softplus softsign tanh tanhshrink threshold
    _softmax _log_softmax softshrink hardshrink
"""
_LAYER = """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d alpha_dropout
    avg_pool1d avg_pool2d avg_pool3d batch_norm conv1d conv2d conv3d conv_transpose1d
    conv_transpose2d convolution cosine_similarity dropout embedding feature_dropout group_norm gru
    instance_norm layer_norm lstm max_pool1d max_pool2d max_pool3d
    native_layer_norm normalize pairwise_distance rms_norm rnn_relu rnn_tanh
    upsample_bilinear2d upsample_nearest2d
"""
_SHAPE = """
    alias broadcast_to cat chunk clone concat concatenate constant_pad_nd contiguous copy
    detach detach_ expand expand_as flatten flip gather index index_select lift_fresh_copy
    masked_select movedim narrow one_hot pad permute repeat repeat_interleave reshape roll scatter
    scatter_add select slice split split_with_sizes squeeze stack sum_to_size swapaxes t
    take_along_dim tile to transpose type_as unbind unflatten unsqueeze view view_as _to_copy
    _unsafe_view
"""
_CREATION = """
    arange empty_like eye full full_like linspace new_full new_ones new_zeros ones ones_like
    scalar_tensor zeros zeros_like
"""
_IN_PLACE = """
    add_ clamp_ copy_ div_ dropout_ elu_ exp_ fill_ hardsigmoid_ hardswish_ hardtanh_ leaky_relu_
    masked_fill_ mul_ neg_ relu_ relu6_ selu_ sigmoid_ silu_ sqrt_ sub_ tanh_ zero_
"""
_SIZES = """
    _assert_scalar _assert_tensor_metadata numel sym_constrain_range
    sym_constrain_range_for_size sym_numel sym_size sym_stride
"""
_NAMES = frozenset(
    name
    for names in (
        *(_ARITHMETIC, _COMPARISON, _REDUCTION, _MATRIX, _ACTIVATION, _LAYER, _SHAPE),
        *(_CREATION, _IN_PLACE, _SIZES),
    )
    for name in names.split()
)

# What is computed of sizes.
_PYTHON: Mapping[str, Callable[..., Any]] = {
    f"_operator.{function.__name__}": function
    for function in (
        *(operator.add, operator.sub, operator.mul, operator.floordiv, operator.truediv),
        *(operator.mod, operator.neg, operator.pos, operator.getitem),
        *(operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge),
    )
}


def is_known(target: str) -> bool:
    """Tell whether a graph may call `target`, as the graph spells it; imports nothing."""
    if target in _PYTHON:
        return True
    found = _ATEN.fullmatch(target)
    return (
        found is not None
        and found["name"] in _NAMES
        and found["overload"] != "data"  # of packed sequences
        and "out" not in found["overload"]  # into a tensor that is given
    )


def operator_of(torch: Any, target: str) -> Callable[..., Any]:
    """Give the function that a known `target` names.

    Raises:
        AttributeError: The installed torch has no such operator.
        KeyError: The target is not known.
    """
    found = _ATEN.fullmatch(target)
    if found is None:
        return _PYTHON[target]
    packet = getattr(torch.ops.aten, found["name"])
    if found["overload"] not in packet.overloads():
        message = f'the operator "{found["name"]}" has no overload "{found["overload"]}"'
        raise AttributeError(message)
    call: Callable[..., Any] = getattr(packet, found["overload"])
    return call
