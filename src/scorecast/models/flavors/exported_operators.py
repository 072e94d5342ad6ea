"""What a graph of ``torch.export`` may call when it is run without torch's own reader.

Operators of ATen, by name and overload, that compute tensors from what they are given: none reads
or writes a file, calls Python, or takes packed weights. With the checks of `exported_checks`, each
was called with hostile arguments in torch 2.13 and did no more than raise an error. That is no
proof: torch may have faults that nobody has found, and older versions have more.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from scorecast.models.flavors.exported_checks import CHECKS

_ATEN = "torch.ops.aten."

# With the overload that torch calls "default".
_DEFAULT = """
    abs acos acosh addcdiv addcmul asin asinh atan atan2 atanh bitwise_not ceil celu clamp clamp_max
    clamp_min clip cos cosh elu erf erfc erfinv exp exp2 expm1 floor floor_divide fmax fmin frac
    gelu glu hardshrink hardsigmoid hardswish hardtanh heaviside isfinite isinf isnan leaky_relu
    lgamma log log10 log1p log2 log_sigmoid logaddexp logical_and logical_not logical_or
    logical_xor logit maximum minimum mish nan_to_num neg negative prelu reciprocal relu relu6 round
    rsqrt selu sgn sigmoid sign silu sin sinh softplus softshrink special_erf special_expit
    special_log1p special_logit special_ndtr sqrt square tan tanh threshold trunc

    all amax amin any argmax argmin argsort cummax cummin cumprod cumsum linalg_vector_norm
    logsumexp max mean min nanmean nansum prod sort std sum topk var var_mean

    addbmm addmm addmv baddbmm bilinear bmm diag diagonal dot einsum linear matmul mm mv outer
    scaled_dot_product_attention tril triu

    _log_softmax _softmax adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    adaptive_max_pool1d adaptive_max_pool2d alpha_dropout avg_pool1d avg_pool2d avg_pool3d
    batch_norm channel_shuffle conv1d conv2d conv3d conv_transpose1d convolution cosine_similarity
    dropout embedding feature_dropout group_norm instance_norm layer_norm max_pool1d max_pool2d
    max_pool3d native_layer_norm pairwise_distance pixel_shuffle pixel_unshuffle rms_norm

    _to_copy _unsafe_view alias broadcast_tensors broadcast_to cat chunk clone concat
    constant_pad_nd contiguous detach detach_ diff expand expand_as flip gather hstack index_select
    lift_fresh_copy mT masked_select narrow numpy_T one_hot pad permute repeat reshape roll
    scatter_add split_with_sizes squeeze stack sum_to_size swapaxes t take_along_dim tile type_as
    unsqueeze view view_as vstack

    arange eye full full_like linspace new_full new_ones new_zeros ones ones_like scalar_tensor
    zeros zeros_like

    clamp_ copy_ dropout_ elu_ exp_ hardsigmoid_ hardswish_ hardtanh_ leaky_relu_ neg_ relu_ relu6_
    selu_ sigmoid_ silu_ sqrt_ tanh_ zero_

    _assert_scalar _assert_tensor_metadata sym_constrain_range sym_constrain_range_for_size
    sym_numel
"""
_OTHERS = """
    add.Tensor add.Scalar sub.Tensor sub.Scalar rsub.Tensor rsub.Scalar mul.Tensor mul.Scalar
    div.Tensor div.Scalar div.Tensor_mode div.Scalar_mode true_divide.Tensor true_divide.Scalar
    floor_divide.Scalar fmod.Tensor fmod.Scalar remainder.Tensor remainder.Scalar
    pow.Tensor_Tensor pow.Tensor_Scalar pow.Scalar lerp.Scalar lerp.Tensor round.decimals
    clamp.Tensor clamp_max.Tensor clamp_min.Tensor clip.Tensor
    xlogy.Tensor xlogy.Scalar_Other xlogy.Scalar_Self
    bitwise_and.Tensor bitwise_and.Scalar bitwise_or.Tensor bitwise_or.Scalar
    bitwise_xor.Tensor bitwise_xor.Scalar
    eq.Tensor eq.Scalar ne.Tensor ne.Scalar ge.Tensor ge.Scalar gt.Tensor gt.Scalar le.Tensor
    le.Scalar lt.Tensor lt.Scalar masked_fill.Scalar masked_fill.Tensor
    where.self where.Scalar where.ScalarOther where.ScalarSelf

    all.dim any.dim argsort.stable max.dim max.other mean.dim min.dim min.other norm.Scalar
    norm.ScalarOpt_dim prod.dim_int sort.stable std.correction std.dim sum.dim_IntList
    var.correction var.dim var_mean.correction var_mean.dim

    conv1d.padding conv2d.padding conv3d.padding conv_transpose2d.input gru.input log_softmax.int
    lstm.input rnn_relu.input rnn_tanh.input softmax.int upsample_bicubic2d.vec
    upsample_bilinear2d.vec upsample_linear1d.vec upsample_nearest1d.vec upsample_nearest2d.vec

    bucketize.Tensor flatten.using_ints index.Tensor movedim.int movedim.intlist
    repeat_interleave.self_int scatter.src scatter.value select.int slice.Tensor split.Tensor
    squeeze.dim squeeze.dims to.device to.dtype to.dtype_layout to.other transpose.int unbind.int
    unflatten.int

    arange.start arange.start_step eye.m

    add_.Tensor add_.Scalar sub_.Tensor sub_.Scalar mul_.Tensor mul_.Scalar div_.Tensor div_.Scalar
    fill_.Scalar fill_.Tensor masked_fill_.Scalar masked_fill_.Tensor

    sym_size.int sym_stride.int
"""
ATEN = frozenset((*(f"{name}.default" for name in _DEFAULT.split()), *_OTHERS.split()))
"""Operators of ATen, each as ``name.overload``."""

# What is computed of sizes.
PYTHON: Mapping[str, Callable[..., Any]] = {
    f"_operator.{function.__name__}": function
    for function in (
        *(operator.add, operator.sub, operator.mul, operator.floordiv, operator.truediv),
        *(operator.mod, operator.neg, operator.pos, operator.getitem),
        *(operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge),
    )
}
"""Functions of Python by how a graph spells them; they take numbers and tensors alone."""


def is_known(target: str) -> bool:
    """Tell whether a graph may call `target`, as the graph spells it; imports nothing."""
    return target in PYTHON or (target.startswith(_ATEN) and target.removeprefix(_ATEN) in ATEN)


def operator_of(torch: Any, target: str) -> Callable[..., Any]:
    """Give the function that a known `target` names, with the check of its arguments.

    Raises:
        AttributeError: The installed torch has no such operator.
    """
    if target in PYTHON:
        name, function = target.partition(".")[2], PYTHON[target]
    else:
        name = target.removeprefix(_ATEN)
        packet, overload = name.split(".")
        function = getattr(getattr(torch.ops.aten, packet), overload)
    check = CHECKS.get(name)
    return function if check is None else _checked(function, check)


def _checked(function: Callable[..., Any], check: Callable[..., None]) -> Callable[..., Any]:
    def call(*positional: Any, **named: Any) -> Any:
        check(*positional, **named)
        return function(*positional, **named)

    return call
