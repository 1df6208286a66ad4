"""Tensors of the weights of a network, in its memory."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from ..training.weights import layer_views

if TYPE_CHECKING:
    from cnn_core.stack import Stack

    from ..data.arrays import Array
    from ..training.weights import LayerState


_MOST_BLOCKS = 2  # gradients whose memory is kept: that of the last step, and one in the making


class Place(NamedTuple):
    """Place of an array in the memory of a network, or of a vector with the same layout.

    Attributes
    ----------
    layer : int
        Index of the layer.
    name : str
        Name in the state of the layer: "weight", "bias", "norm.gain", "norm.mean" or "norm.variance".
    shape, strides : tuple of int
        In numbers; those of a weight are of the shape (units, inputs), as in PyTorch.
    start : int
        Index of the first number.
    """

    layer: int
    name: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    start: int

    @property
    def key(self) -> str:
        """Name of the array in a ``state_dict``."""
        return f"layers.{self.layer}.{self.name}"

    def view(self, flat: torch.Tensor) -> torch.Tensor:
        """Return the array as a view of a vector."""
        return flat.as_strided(self.shape, self.strides, flat.storage_offset() + self.start)


def places(stack: Stack) -> tuple[list[Place], list[Place]]:
    """Return the places of the parameters in ``stack.parameters``, and of the statistics in ``stack.running``."""
    flat, running = stack.parameters, stack.running
    trained: list[Place] = []
    statistics: list[Place] = []
    for i, state in enumerate(layer_views(stack)):
        for name, array in _arrays(state):
            is_statistic = name in ("norm.mean", "norm.variance")
            place = _place(i, name, array, running if is_statistic else flat)
            (statistics if is_statistic else trained).append(place)
    return trained, statistics


def _arrays(state: LayerState) -> Iterator[tuple[str, Array]]:
    for name, value in state.items():
        if isinstance(value, dict):
            for part, array in value.items():
                yield f"{name}.{part}", array
        else:
            yield name, value


def _place(layer: int, name: str, array: Array, flat: Array) -> Place:
    if name == "weight":
        array = array.T
    size = array.dtype.itemsize
    start = (array.ctypes.data - flat.ctypes.data) // size
    return Place(layer, name, array.shape, tuple(stride // size for stride in array.strides), start)


class Layer(nn.Module):
    """Parameters and running statistics of a layer, by the names of its state."""

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        # Tensors are copied into the memory of the network also with assign=True.
        metadata = {**local_metadata, "assign_to_params_buffers": False}
        super()._load_from_state_dict(state_dict, prefix, metadata, *rest)


class SpareMemory:
    """Memory of vectors that no tensor uses any more, for later vectors: the first write to new memory is slow."""

    def __init__(self) -> None:
        self._blocks: list[tuple[Array, weakref.ref[Array]]] = []

    def vector(self, size: int, dtype: np.dtype[Any]) -> torch.Tensor:
        """Return a vector that is aligned to a cache line, with any numbers."""
        for i, (memory, user) in enumerate(self._blocks):
            if user() is None and len(memory) == size:
                lent = memory.view()
                self._blocks[i] = memory, weakref.ref(lent)
                return torch.from_numpy(lent)
        line = 64 // dtype.itemsize
        room = np.empty(size + line, dtype)
        start = -(room.ctypes.data // dtype.itemsize) % line
        memory = room[start : start + size]
        lent = memory.view()
        if len(self._blocks) < _MOST_BLOCKS:
            self._blocks.append((memory, weakref.ref(lent)))
        return torch.from_numpy(lent)


def set_tensor(layer: Layer, name: str, tensor: torch.Tensor, *, is_parameter: bool) -> None:
    """Register a tensor in a layer, by the name in its state."""
    owner: nn.Module = layer
    *groups, last = name.split(".")
    for group in groups:
        if group not in owner._modules:
            owner.add_module(group, Layer())
        owner = owner.get_submodule(group)
    if is_parameter:
        parameter = nn.Parameter(tensor)
        parameter._strided_by = "compiled_nn"
        owner.register_parameter(last, parameter)
    else:
        owner.register_buffer(last, tensor)


def refuse_fused(optimizer: Any, *_: Any) -> None:
    """Raise RuntimeError before a step of a fused optimizer on parameters of layers; a hook of all optimizers.

    Fused optimizers take the memory of a parameter, its gradient and its moments for contiguous (PyTorch 2.13).
    """
    if not optimizer.defaults.get("fused"):
        return
    for group in optimizer.param_groups:
        if any(hasattr(parameter, "_strided_by") for parameter in group["params"]):
            raise RuntimeError(
                "a fused optimizer takes each parameter for contiguous memory, which those of parameters='layers' are"
                " not: its steps would be wrong. Create the module with parameters='flat', or leave fused out."
            )


@cache
def watch_optimizers() -> None:
    """Let :func:`refuse_fused` check the steps of all optimizers, from the first call on."""
    register_optimizer_step_pre_hook(refuse_fused)
