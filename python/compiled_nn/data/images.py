"""Shapes of images: X may hold one image per row, (m, height, width) or (m, height, width, channels)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Shape = tuple[int, ...]


def shape_of(X: Any) -> Shape | None:
    """Return the shape of one image; None if X is not an array of images."""
    return X.shape[1:] if isinstance(X, np.ndarray) and X.ndim in (3, 4) else None


def check_shape(fitted: Shape, X: Any) -> None:
    """Raise a ValueError if X has images of another shape than those of fit; a single channel may be left out."""
    given = shape_of(X)
    if given is not None and _without_single_channel(given) != _without_single_channel(fitted):
        raise ValueError(
            f"X has images of shape {given}; the network was fitted on images of shape {fitted}. Bring them to this"
            f" shape and order of axes, or pass rows of {math.prod(fitted)} numbers."
        )


def _without_single_channel(shape: Shape) -> Shape:
    return shape[:2] if shape[2:] == (1,) else shape
