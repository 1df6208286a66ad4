"""A module whose parameters are in the memory of a network: its tensors, its state, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import nn

from .weights import Layer, Place, SpareMemory, places, set_tensor, watch_optimizers

if TYPE_CHECKING:
    from typing import Self

    from cnn_core.stack import Stack

    from ..network import Network

_NAME = "compiled_nn.torch.Module"
# Attributes that copies and pickles make again, because they belong to the memory of the network.
_OF_MEMORY = (
    "_stack",
    "_memory",
    "_own",
    "_weights",
    "_arrays",
    "_trained",
    "_statistics",
    "layers",
    "_cleared",
)
_REGISTERED = ("flat", "running", "layers")  # names of parameters, buffers and modules that belong to it


class Shared(nn.Module):
    """Base class of :class:`Module`: parameters and buffers in the memory of a network."""

    network: Network

    def _set(self, network: Network, is_flat: bool) -> None:
        self.network, self._is_flat = network, is_flat
        self._stack: Stack | None = None
        self._memory = SpareMemory()
        self._own: list[tuple[dict[str, Any], str, nn.Parameter, int]] = []
        self._weights: tuple[nn.Parameter, ...] = ()
        self._cleared = -1
        self._attach()

    @torch.inference_mode(False)  # tensors of inference mode could not be used in training afterwards
    def _attach(self) -> None:
        """Let the parameters be tensors in the memory of the network's present weights."""
        stack, weights = self.network._lend_weights()
        flat, running = torch.from_numpy(weights), torch.from_numpy(stack.running)
        trained, statistics = places(stack)
        if self._stack is None:
            self._create(flat, running, trained, statistics)
        elif (trained, statistics) != (self._trained, self._statistics):
            raise RuntimeError(
                f"The layers of the network of this {_NAME} have other sizes than before. Create another module."
            )
        else:
            for parameter, data in zip(self._weights, self._tensors(flat), strict=True):
                parameter.data = data
        if self._is_flat:
            if statistics:  # a buffer, which averages of models copy
                self.register_buffer("running", running, persistent=False)
            self._show(running)
        else:
            for place in statistics:
                self._owner(place)._buffers[place.name.split(".")[-1]] = place.view(running)
        self._stack, self._size, self._dtype = stack, len(flat), flat.dtype
        self._own = [
            (owner, name, parameter, parameter.data_ptr())
            for (owner, name), parameter in zip(self._owners(), self._weights, strict=True)
        ]
        self._cleared = -1

    def _create(
        self, flat: torch.Tensor, running: torch.Tensor, trained: list[Place], statistics: list[Place]
    ) -> None:
        """Register the parameters."""
        self._trained, self._statistics = trained, statistics
        if self._is_flat:
            self.flat = nn.Parameter(flat)
            self._weights = (self.flat,)
            return
        watch_optimizers()
        layers = [Layer() for _ in self.network.layers]
        for place in trained:
            set_tensor(layers[place.layer], place.name, place.view(flat), is_parameter=True)
        for place in statistics:
            set_tensor(layers[place.layer], place.name, place.view(running), is_parameter=False)
        for layer in layers:
            if "bias" not in layer._parameters:
                layer.register_parameter("bias", None)
        self.layers = nn.ModuleList(layers)
        self._weights = tuple([owner[name] for owner, name in self._owners()])
        for place, parameter in zip(trained, self._weights, strict=True):
            parameter.requires_grad_(self.network.layers[place.layer].rate_factor > 0)

    def _tensors(self, flat: torch.Tensor) -> list[torch.Tensor]:
        """Return the parts of a vector that belong to the parameters."""
        return [flat] if self._is_flat else [place.view(flat) for place in self._trained]

    def _owner(self, place: Place) -> nn.Module:
        owner: nn.Module = self.layers[place.layer]
        for group in place.name.split(".")[:-1]:
            owner = owner.get_submodule(group)
        return owner

    def _owners(self) -> list[tuple[dict[str, Any], str]]:
        """Return the dict that has each parameter, and its name there."""
        if self._is_flat:
            return [(self._parameters, "flat")]
        return [(self._owner(place)._parameters, _last(place)) for place in self._trained]

    def _show(self, running: torch.Tensor) -> None:
        """Set `layers` to views of the flat parameter, whose changes in place autograd finds."""
        flat = self.flat.detach()
        arrays = [(place, place.view(flat)) for place in self._trained]
        arrays += [(place, place.view(running)) for place in self._statistics]
        layers = [SimpleNamespace(bias=None) for _ in self.network.layers]
        for place, view in arrays:
            owner = layers[place.layer]
            if "." in place.name:
                owner.norm = owner = getattr(owner, "norm", SimpleNamespace())
            setattr(owner, _last(place), view)
        self._arrays = {place.key: view for place, view in arrays}
        object.__setattr__(self, "layers", tuple(layers))

    def _synchronize(self) -> Stack:
        """Return the stack after it and the parameters have been made one memory, if a caller has replaced either."""
        stack = self.network._fitted()
        if stack is not self._stack:
            self._attach()
        for owner, name, parameter, address in self._own:
            has_moved = parameter.data_ptr() != address
            if owner.get(name) is not parameter:
                raise RuntimeError(
                    f"The parameter {name!r} of this {_NAME} has been replaced by another one, as"
                    " torch.func.functional_call and parametrizations do. Its memory is that of the network: write into"
                    " it, such as with copy_ under torch.no_grad()."
                )
            if has_moved:
                self._take_over()
                break
        if self._is_flat:
            version = self.flat._version
            if version != self._cleared:
                stack.clear_padding()
                object.__setattr__(self, "_cleared", version)  # that of nn.Module is slow
        return stack

    def _take_over(self) -> None:
        """Copy the numbers of parameters whose `data` a caller has set into the memory of the network."""
        self.network._discard_calibration()
        flat = torch.from_numpy(self.network._fitted().parameters)
        for parameter, own in zip(self._weights, self._tensors(flat), strict=True):
            data = parameter.data
            if data.shape != own.shape or data.dtype != own.dtype or data.device.type != "cpu":
                refuse(f"a parameter on {data.device} of the shape {tuple(data.shape)} and {data.dtype}")
            if data.data_ptr() != own.data_ptr():
                own.copy_(data)
        self._attach()

    # ---- state

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        self._synchronize()
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self._is_flat:
            del destination[prefix + "flat"]
            for key, view in self._arrays.items():
                destination[prefix + key] = view

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        self._synchronize()
        self.network._discard_calibration()
        lists = missing_keys, unexpected_keys, error_msgs
        if not self._is_flat:
            super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, *lists)
            return
        self._parameters["flat"] = None  # which states do not have
        try:
            super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, *lists)
        finally:
            self._parameters["flat"] = self._weights[0]
        own = {prefix + key: view for key, view in self._arrays.items()}
        unexpected_keys[:] = [key for key in unexpected_keys if key not in own]
        for key, view in own.items():
            given = state_dict.get(key)
            if given is None:
                missing_keys.append(key)
            elif not isinstance(given, torch.Tensor):
                error_msgs.append(f"{key} must be a tensor. Got {type(given).__name__} instead.")
            elif given.shape != view.shape:
                error_msgs.append(
                    f"size mismatch for {key}: copying a tensor of the shape {tuple(given.shape)}, the shape"
                    f" in the module is {tuple(view.shape)}."
                )
            else:
                with torch.no_grad():
                    view.copy_(given)

    def __getstate__(self) -> dict[str, Any]:
        self._synchronize()
        state = {name: value for name, value in self.__dict__.items() if name not in _OF_MEMORY}
        for group in ("_parameters", "_buffers", "_modules"):  # those of a subclass stay, in the same order
            state[group] = {
                name: None if name in _REGISTERED else value for name, value in state[group].items()
            }
        state["requires_grad"] = [parameter.requires_grad for parameter in self._weights]
        state["gradients"] = [parameter.grad for parameter in self._weights]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        flags, gradients = state.pop("requires_grad"), state.pop("gradients")
        super().__setstate__(state)
        self._set(self.network, self._is_flat)
        for parameter, flag, gradient in zip(self._weights, flags, gradients, strict=True):
            parameter.requires_grad_(flag)
            parameter.grad = gradient

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        """Refuse other devices, dtypes and shared memory, since the memory is that of the network."""
        own = self._weights[0]
        try:
            moved = fn(torch.empty(1, dtype=own.dtype))
        except (AssertionError, RuntimeError) as error:
            refuse("this device", error)
        if moved.device.type != "cpu":
            refuse(f"the device {moved.device}")
        if moved.dtype != own.dtype:
            refuse(f"{moved.dtype} for a network of {own.dtype}")
        if moved.is_shared():
            refuse("memory that processes share")
        return self


def _last(place: Place) -> str:
    return place.name.split(".")[-1]


def refuse(what: str, error: BaseException | None = None) -> NoReturn:
    raise RuntimeError(
        f"{_NAME} computes on the CPU, in the memory of its network, so {what} is refused. Create the network with the"
        " dtype that you need, and leave the module on the CPU."
    ) from error
