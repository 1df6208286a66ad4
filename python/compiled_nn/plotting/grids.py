"""Grids of images on one axes: reading of the images, layout and captions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..common import checks
from ..common.errors import count
from ..data import arrays
from ..data.arrays import Array
from . import canvas

GAP = 0.12  # gap between images, in widths of an image
_LINE = 0.135  # height of one line of a caption, in widths of an image
_INCHES = 1.15  # width of an image on a new figure
_POINTS = (2.0, 11.0)  # smallest and largest font size of captions
_QUARTER = 64  # uint8 images with smaller values only, such as the bundled digits, have at most 6 bits
_NARROW = 0.58  # width of an average character, in font sizes
_LONGEST = 26  # characters of a line of a caption


@dataclass(frozen=True)
class Caption:
    """Text above an image, and its frame, which may be dashed to be recognised in gray.

    Attributes
    ----------
    text : str
        Text, of one or several lines.
    colour : str
        Colour of text and frame; "" for black text without a frame.
    dashed : bool
        Whether the frame is dashed.
    """

    text: str = ""
    colour: str = ""
    dashed: bool = False


def read_images(X: Any, image_shape: Sequence[int] | None = None, name: str = "X") -> Array:
    """Return images as an array: (n, h, w) for gray or (n, h, w, 3 or 4) for colour.

    Parameters
    ----------
    X : array-like (n, h, w), (n, h, w, 1), (n, h, w, 3 or 4), or (n, k)
        Images: for colour integers from 0 to 255 or floats from 0 to 1, for gray any numbers.
    image_shape : sequence of int, optional
        Shape (h, w) or (h, w, channels) of images given as rows of k numbers. Default: square gray images.
    name : str
        Name of `X` in messages.

    Raises
    ------
    TypeError, ValueError
        If X does not hold images.
    """
    images = np.asarray(X)
    if images.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {images.dtype}; images hold real numbers.")
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
                f"{name} has {count(k, 'column')}; images of {shown} have {math.prod(image_shape)}. Pass"
                " image_shape=(height, width) or (height, width, channels)."
            )
        images = images.reshape(len(images), *image_shape)
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.ndim != 3 and not (images.ndim == 4 and images.shape[3] in (3, 4)):
        raise ValueError(f"{name} has shape {images.shape}; images are (n, h, w), (n, h, w, 3) or (n, k).")
    if images.dtype.kind == "f":
        arrays.check_finite(images.reshape(len(images), -1), name, "float64")
    return _check_colours(images, name) if images.ndim == 4 else images


def _check_colours(images: Array, name: str) -> Array:
    """Return colour images as uint8, or as floats from 0 to 1; raise ValueError for other values."""
    largest = 1 if images.dtype.kind in "fb" else 255
    low, high = images.min(), images.max()
    if low < 0 or high > largest:
        raise ValueError(
            f"{name} has values from {low:g} to {high:g}; colours in {images.dtype} are from 0 to {largest}."
        )
    return (
        images
        if largest == 1 and images.dtype.kind == "f"
        else np.uint8(255 // largest) * images.astype("u1")
    )


def gray_limits(images: Array) -> tuple[float, float]:
    """Return the values of black and white.

    They are the range of all images, except for uint8: 0, and 255 or the largest value if that is below 64.
    """
    low, high = float(images.min()), float(images.max())
    if images.dtype == np.uint8:
        return 0.0, high if 0 < high < _QUARTER else 255.0
    return low, high


def choose_columns(n: int, aspect: float) -> int:
    """Return a number of columns for `n` images of `aspect` height / width.

    The grid is between 1 and 1.5 times as wide as high, with as few empty places as possible.
    """
    square = math.ceil(math.sqrt(n * aspect))
    most = math.ceil(1.5 * square)
    return min(n, min(range(square, most + 1), key=lambda columns: (-n % columns, columns)))


def draw_images(
    ax: Any,
    images: Array,
    captions: Sequence[Caption],
    *,
    columns: int | None,
    right_space: float = 0.0,
    **style: Any,
) -> tuple[Any, list[Any]]:
    """Draw images in rows of `columns`, each below its caption; return the axes and the drawn images.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None
        Axes to draw on; None: those of a new figure.
    images : ndarray
        Images in the form of :func:`read_images`.
    captions : sequence of Caption
        Caption of each image.
    columns : int or None
        Number of images per row; None: :func:`choose_columns`.
    right_space : float
        Space at the right of a new figure, in inches.
    **style
        Arguments of ``Axes.imshow``; by default black and white are those of :func:`gray_limits`.
    """
    captions = [replace(caption, text=_shorten_lines(caption.text)) for caption in captions]
    aspect = images.shape[1] / images.shape[2]
    if columns is None:
        columns = choose_columns(len(images), aspect)
    columns = checks.integer("plot", "columns", columns, minimum=1)
    rows = -(-len(images) // columns)
    lines = max(caption.text.count("\n") + 1 if caption.text else 0 for caption in captions)
    room = aspect + lines * _LINE + GAP
    width, height = columns * (1 + GAP) + GAP, rows * room + GAP
    ax = canvas.axes(ax, width * _INCHES + right_space, height * _INCHES)
    points = _font_size(ax, captions, width, height)
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
            ax.add_patch(_make_frame(left, top, aspect, caption))
    ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    ax.set_axis_off()
    return ax, drawn


def _shorten_lines(text: str) -> str:
    """Return a caption whose lines can be read at the width of an image."""
    return "\n".join(
        line if len(line) <= _LONGEST else canvas.shorten(line, _LONGEST) for line in text.split("\n")
    )


def _font_size(ax: Any, captions: Sequence[Caption], width: float, height: float) -> float:
    """Return the font size in points at which a line fits its height, and the longest line the width of an image."""
    box = ax.get_window_extent()
    unit = 72 / ax.figure.dpi * min(box.width / width, box.height / height)  # width of an image, in points
    longest = max(len(line) for caption in captions for line in (caption.text or " ").split("\n"))
    size = unit * min(_LINE / 1.25, (1 + GAP) / (_NARROW * longest))
    return float(np.clip(size, *_POINTS))


def _make_frame(left: float, top: float, aspect: float, caption: Caption) -> Any:
    rectangle = canvas.import_matplotlib("patches").Rectangle
    style = "--" if caption.dashed else "-"
    return rectangle(
        (left, top), 1, aspect, fill=False, edgecolor=caption.colour, linewidth=2.0, linestyle=style
    )
