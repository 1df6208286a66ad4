"""Lists of the weights or biases of each layer, as ``coefs_`` and ``intercepts_`` return them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, SupportsIndex

from ..data.arrays import Array

Assign = Callable[[Mapping[int, Any]], None]


class LayerArrays(list[Array]):
    """List of one array per layer, whose entries can be assigned.

    Parameters
    ----------
    arrays : iterable of ndarray
        Array of each layer.
    assign : callable
        Function that copies new arrays, by index of the layer, into the network.
    """

    def __init__(self, arrays: Iterable[Array], assign: Assign) -> None:
        super().__init__(arrays)
        self._assign = assign

    def __setitem__(self, index: SupportsIndex | slice, value: Any) -> None:
        """Copy an array into the network, or several for a slice."""
        if isinstance(index, slice):
            chosen, values = range(len(self))[index], list(value)
            if len(values) != len(chosen):
                raise ValueError(f"{len(values)} arrays are assigned to {len(chosen)} layers.")
            self._assign(dict(zip(chosen, values, strict=True)))
        else:
            place = operator.index(index)
            if not -len(self) <= place < len(self):
                raise IndexError(
                    f"The index {place} is out of range: there are {len(self)} arrays, one per layer."
                )
            self._assign({place % len(self): value})

    def __reduce__(self) -> Any:
        return list, (list(self),)

    def _refuse(self, *_: Any, **__: Any) -> Any:
        """Raise the error of all methods that would change the number or the order of the layers."""
        raise TypeError(
            "The number and the order of the layers cannot change. Assign an entry, or the whole list, with one array"
            " per layer."
        )

    append = extend = insert = pop = remove = clear = sort = reverse = _refuse
    __delitem__ = __iadd__ = __imul__ = _refuse
