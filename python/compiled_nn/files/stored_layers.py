"""States of layers in an opened file, each of which is read and checked when it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from ..data import arrays
from ..spec.layers import Dense
from .safetensors_file import NORM_TENSORS, layer_state

if TYPE_CHECKING:
    from ..training.weights import LayerState
    from .content import Content


class StoredLayers(Sequence["LayerState"]):
    """States of the layers of a network in a file, of which only the latest one is in memory.

    Parameters
    ----------
    file : Content
        Opened file, whose tensors have the names and shapes of `layers`.
    layers : sequence of Dense
        Layers of the network.
    prefix : str, default ""
        Start of the names of the tensors.
    """

    def __init__(self, file: Content, layers: Sequence[Dense], prefix: str = "") -> None:
        self._file, self._layers, self._prefix = file, layers, prefix
        self._latest: tuple[int, LayerState] | None = None

    def __len__(self) -> int:
        return len(self._layers)

    @overload
    def __getitem__(self, index: int) -> LayerState: ...
    @overload
    def __getitem__(self, index: slice) -> list[LayerState]: ...
    def __getitem__(self, index: Any) -> Any:
        """Return a state.

        Raises
        ------
        ValueError
            If it has numbers that are not finite, or a variance below 0.
        """
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = range(len(self))[index]
        latest, self._latest = self._latest, None
        if latest is None or latest[0] != i:
            del latest
            latest = i, self._checked(i)
        self._latest = latest
        return latest[1]

    def _checked(self, i: int) -> LayerState:
        state = layer_state(self._file, self._layers[i], f"{self._prefix}layers.{i}", copy=False)
        for name, array in _arrays(state):
            path = f"{self._prefix}layers.{i}.{name}"
            arrays.check_finite(array.reshape(len(array), -1), path, array.dtype.name)
            if name == f"norm.{NORM_TENSORS['variance']}" and array.min() < 0:
                raise ValueError(f"{path} is {array.min():g} for a unit; a variance must be at least 0")
        return state


def _arrays(state: LayerState) -> list[tuple[str, arrays.Array]]:
    """Return the arrays of a state with the names of their tensors."""
    norm = state.get("norm", {})
    names = [(name, state[name]) for name in ("weight", "bias") if name in state]
    return names + [(f"norm.{NORM_TENSORS[name]}", array) for name, array in norm.items()]
