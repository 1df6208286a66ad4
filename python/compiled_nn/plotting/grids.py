"""Images: what users pass as such, and many of them on one axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..common import checks
from ..common.errors import count
from ..data import arrays
from ..data.arrays import Array
from . import canvas

GAP = 0.12  # between images, in widths of one
_LINE = 0.135  # height of a line of a caption, in widths of an image
_INCHES = 1.15  # width of an image on a figure of our own
_POINTS = (2.0, 11.0)  # smallest and largest type of captions
_NARROW = 0.58  # width of an average character, in heights of the type


@dataclass(frozen=True)
class Caption:
    """What stands above an image, and its frame; a dashed one is told apart in gray.

    Attributes
    ----------
    text : str
        Lines of it.
    colour : str
        Of text and frame; "" for text in black and no frame.
    dashed : bool
    """

    text: str = ""
    colour: str = ""
    dashed: bool = False


def read(X: Any, image_shape: Sequence[int] | None = None, name: str = "X") -> Array:
    """Return images as an array (n, h, w) in gray or (n, h, w, 3 or 4) in colour.

    Parameters
    ----------
    X : array-like (n, h, w), (n, h, w, 1), (n, h, w, 3 or 4), or (n, k)
        Integers 0 to 255 or floats 0 to 1 for colours; any numbers for gray.
    image_shape : sequence of int, optional
        (h, w) or (h, w, channels) of rows of k numbers. Default: a square in gray.
    name : str
        What the errors call `X`.

    Raises
    ------
    TypeError, ValueError
        When they are no images.
    """
    images = np.asarray(X)
    if images.dtype.kind not in "biuf":
        raise TypeError(f"{name} holds {images.dtype}; images are of real numbers.")
    if images.size == 0:
        raise ValueError(f"{name} is empty: it has shape {images.shape}.")
    if images.ndim == 2 and image_shape is None:
        side = math.isqrt(images.shape[1])
        image_shape = (side, side)
    if image_shape is not None:
        k = math.prod(images.shape[1:])
        if math.prod(image_shape) != k:
            shown = " x ".join(str(n) for n in image_shape)
            raise ValueError(
                f"{name} has {count(k, 'column')}; images of {shown} have {math.prod(image_shape)}. Say"
                " image_shape=(height, width) or (height, width, channels)."
            )
        images = images.reshape(len(images), *image_shape)
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.ndim != 3 and not (images.ndim == 4 and images.shape[3] in (3, 4)):
        raise ValueError(f"{name} has shape {images.shape}; images are (n, h, w), (n, h, w, 3) or (n, k).")
    if images.dtype.kind == "f":
        arrays.check_finite(images.reshape(len(images), -1), name, "float64")
    return _colours(images, name) if images.ndim == 4 else images


def _colours(images: Array, name: str) -> Array:
    largest = 1 if images.dtype.kind in "fb" else 255
    low, high = images.min(), images.max()
    if low < 0 or high > largest:
        raise ValueError(
            f"{name} ranges from {low:g} to {high:g}; colours of {images.dtype} are 0 to {largest}."
        )
    return (
        images
        if largest == 1 and images.dtype.kind == "f"
        else np.uint8(255 // largest) * images.astype("u1")
    )


def gray_limits(images: Array) -> tuple[float, float]:
    """Return what is black and what is white: 0 to 255 for bytes, else the range of all the images."""
    if images.dtype == np.uint8:
        return 0.0, 255.0
    return float(images.min()), float(images.max())


def columns_for(n: int, aspect: float) -> int:
    """Return in how many columns to lay out `n` images of `aspect` height / width: about as wide as high or
    half as wide again, with few places left empty."""
    square = math.ceil(math.sqrt(n * aspect))
    most = math.ceil(1.5 * square)
    return min(n, min(range(square, most + 1), key=lambda columns: (-n % columns, columns)))


def draw(
    ax: Any,
    images: Array,
    captions: Sequence[Caption],
    *,
    columns: int | None,
    beside: float = 0.0,
    **style: Any,
) -> tuple[Any, list[Any]]:
    """Draw images in rows of `columns`, each under its caption; return the axes and matplotlib's images.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None
        None: a new figure.
    images : ndarray
        As :func:`read` returns them.
    captions : sequence of Caption
    columns : int or None
        None: as suits their number.
    beside : float
        Inches to leave free at the right of a new figure.
    **style
        Passed to ``Axes.imshow``; black and white are by default those of :func:`gray_limits`.
    """
    aspect = images.shape[1] / images.shape[2]
    if columns is None:
        columns = columns_for(len(images), aspect)
    columns = checks.integer("plot", "columns", columns, minimum=1)
    rows = -(-len(images) // columns)
    lines = max(caption.text.count("\n") + 1 if caption.text else 0 for caption in captions)
    room = aspect + lines * _LINE + GAP
    width, height = columns * (1 + GAP) + GAP, rows * room + GAP
    ax = canvas.axes(ax, width * _INCHES + beside, height * _INCHES)
    points = _points(ax, captions, width, height)
    low, high = gray_limits(images)
    style = {"vmin": low, "vmax": high, **style}
    drawn = []
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left, top = GAP + i % columns * (1 + GAP), GAP + i // columns * room + lines * _LINE
        extent = (left, left + 1, top + aspect, top)
        drawn.append(ax.imshow(image, extent=extent, interpolation="nearest", **style))
        if caption.text:
            colour = caption.colour or "black"
            ax.text(
                left + 0.5, top - 0.04, caption.text, ha="center", va="bottom", size=points, color=colour,
                linespacing=1.1,
            )  # fmt: skip
        if caption.colour:
            ax.add_patch(_frame(left, top, aspect, caption))
    ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    ax.set_axis_off()
    return ax, drawn


def _points(ax: Any, captions: Sequence[Caption], width: float, height: float) -> float:
    """Return the size of type at which a line has its height, and the longest its width of an image."""
    box = ax.get_window_extent()
    unit = 72 / ax.figure.dpi * min(box.width / width, box.height / height)  # points of one image's width
    longest = max(len(line) for caption in captions for line in (caption.text or " ").split("\n"))
    size = unit * min(_LINE / 1.25, (1 + GAP) / (_NARROW * longest))
    return float(np.clip(size, *_POINTS))


def _frame(left: float, top: float, aspect: float, caption: Caption) -> Any:
    rectangle = canvas.matplotlib("patches").Rectangle
    style = "--" if caption.dashed else "-"
    return rectangle(
        (left, top), 1, aspect, fill=False, edgecolor=caption.colour, linewidth=2.0, linestyle=style
    )
