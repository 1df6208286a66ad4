"""Initial weights of an estimator that are given as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..common.errors import count
from ..data import arrays
from ..data.arrays import Array
from ..spec.initializers import Pair

if TYPE_CHECKING:
    from ..spec.configuration import Configuration


class InitialWeights:
    """Initial weights and biases given by the user.

    Parameters
    ----------
    coefs, intercepts : list of array-like, or None
        Weights (inputs, units), and biases (units,), of each layer; None: as they are drawn.
    """

    def __init__(self, coefs: Any, intercepts: Any) -> None:
        self._given = {"coefs_init": coefs, "intercepts_init": intercepts}

    def replace(self, drawn: list[Pair], configuration: Configuration) -> list[Pair]:
        """Return the drawn weights of each layer, with the given ones in their place.

        Raises
        ------
        TypeError, ValueError
            If the given arrays do not match the layers.
        """
        if all(given is None for given in self._given.values()):
            return drawn
        coefs = self._read("coefs_init", [W for W, _ in drawn], configuration)
        intercepts = self._read("intercepts_init", [b for _, b in drawn], configuration)
        return list(zip(coefs, intercepts, strict=True))

    def _read(self, name: str, drawn: list[Any], configuration: Configuration) -> list[Any]:
        """Return the arrays of a parameter, checked; `drawn` where it is None."""
        given = self._given[name]
        if given is None:
            return drawn
        if isinstance(given, (str, Mapping)) or not isinstance(given, Iterable):
            raise TypeError(
                f"The '{name}' parameter must be a list with one array for each layer. Got {given!r} instead."
            )
        values = list(given)
        if len(values) != len(drawn):
            raise ValueError(
                f"{name} has {count(len(values), 'array')}; the network has {count(len(drawn), 'layer')}."
            )
        return [
            self._check(f"{name}[{i}]", value, like, configuration.dtype)
            for i, (value, like) in enumerate(zip(values, drawn, strict=True))
        ]

    @staticmethod
    def _check(name: str, value: Any, drawn: Array | None, dtype: str) -> Array | None:
        """Return one array, which must have the shape of the drawn one; biases of a layer without them are zeros."""
        if drawn is None:
            if value is not None and arrays.weights(value, name, dtype=dtype, ndim=1).any():
                raise ValueError(f"{name} must be None or zeros, because the layer has no biases.")
            return None
        array = arrays.weights(value, name, dtype=dtype, ndim=drawn.ndim)
        if array.shape != drawn.shape:
            raise ValueError(f"{name} has shape {array.shape}; the layer needs {drawn.shape}.")
        return array
