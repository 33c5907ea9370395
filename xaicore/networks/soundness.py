"""Whether a network can be used at all: its weights are finite numbers, and it has a forward."""

from __future__ import annotations

import copy

import torch
from torch import nn

from xaicore.networks.errors import NetworkError

HALF_OR_DOUBLE = (torch.float16, torch.bfloat16, torch.float64)


def sound(net: nn.Module) -> tuple[nn.Module, tuple[str, ...]]:
    """A network in inference mode with 32-bit weights, and a note where they were not.

    A network of 32-bit weights is handed back itself. Raises :class:`NetworkError` for one without
    a forward pass, and for weights that are no finite numbers or all zero.
    """
    if type(net).forward is nn.Module.forward:
        raise NetworkError(
            f"This network ({type(net).__name__}) has no forward pass. Bring the whole network, "
            "not a list of its layers."
        )
    _check_weights(net)
    net.eval()
    tensors = [*net.parameters(), *net.buffers()]
    if not any(tensor.dtype in HALF_OR_DOUBLE for tensor in tensors):
        return net, ()
    return copy.deepcopy(net).float(), ("Its 16- or 64-bit weights are taken as 32-bit.",)


def _check_weights(net: nn.Module) -> None:
    for name, weight in net.named_parameters():
        if weight.dtype not in (torch.float32, *HALF_OR_DOUBLE):
            raise NetworkError(
                f"The weights of {name} are {_kind(weight.dtype)} numbers. Bring a network of "
                "floating-point weights, one that is not quantised."
            )
    for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
        # A constant may be infinite on purpose, such as the mask of an attention.
        is_constant = not isinstance(tensor, nn.Parameter) and "running_" not in name
        if (torch.isnan(tensor) if is_constant else ~torch.isfinite(tensor)).any():
            raise NetworkError(
                f"The weights of {name} hold values that are no numbers or infinite. The file is "
                "damaged, or training went wrong; bring an earlier checkpoint."
            )
    matrices = [weight for weight in net.parameters() if weight.dim() >= 2]
    if matrices and not any(weight.any() for weight in matrices):
        raise NetworkError(
            "All of this network's weights are zero. Save it again after it was trained."
        )


def _kind(dtype: torch.dtype) -> str:
    if dtype.is_complex:
        return "complex"
    return "eight-bit floating-point" if dtype.is_floating_point else "whole"
