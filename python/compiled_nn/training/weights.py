"""Weights, biases, gains and running statistics of a stack: views, copies and assignment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

import numpy as np

from ..data.arrays import Array

if TYPE_CHECKING:
    from cnn_core.layers import Layers


Norm: TypeAlias = "dict[str, Array]"  # what a normalised layer has besides W and b


Part: TypeAlias = "tuple[Array, Array | None, Array | None]"  # W, b, gain


def parameter_views(stack: Layers, flat: Array | None = None) -> list[Part]:
    """Return the layers' (W, b, gain), None for what they do not have, as views on a vector like the parameters."""
    return [(W, b, gain) for (W, b), gain in zip(stack.views(flat), stack.gains(flat), strict=True)]


_Arrays = TypeVar("_Arrays", bound="tuple[Array | None, ...]")


def copy_views(views: Iterable[_Arrays]) -> list[_Arrays]:
    """Return copies of views of a stack's parameters, gradients or moments."""
    return [cast(_Arrays, tuple(None if array is None else array.copy() for array in each)) for each in views]


def assign_views(views: Iterable[tuple[Array | None, ...]], new: Iterable[tuple[Array | None, ...]]) -> None:
    """Write arrays through the views of a stack's parameters or moments; 0 for what is not given."""
    for arrays, new_arrays in zip(views, new, strict=True):
        for array, new_array in zip(arrays, new_arrays, strict=True):
            if array is not None:
                array[...] = 0 if new_array is None else new_array


def dropout_key(seed: int | None) -> int:
    """Return what decides, with the number of steps taken, which units are dropped."""
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])


def get_norms(stack: Layers) -> list[Norm | None]:
    """Return copies of what normalised layers have besides weights: "gain", and "mean" and "variance" of a batch's."""
    found: list[Norm | None] = []
    for gain, running in zip(stack.gains(), stack.running_statistics(), strict=True):
        if gain is None:
            found.append(None)
            continue
        statistics = {} if running is None else dict(zip(("mean", "variance"), running, strict=True))
        found.append({name: array.copy() for name, array in {"gain": gain, **statistics}.items()})
    return found


def set_norms(stack: Layers, new: Iterable[Norm | None]) -> None:
    """Write what :func:`get_norms` returned into a stack of such layers."""
    for gain, running, norm in zip(stack.gains(), stack.running_statistics(), new, strict=True):
        if norm is None:
            continue
        if gain is not None:
            gain[...] = norm["gain"]
        if running is not None:
            running[0][...], running[1][...] = norm["mean"], norm["variance"]
