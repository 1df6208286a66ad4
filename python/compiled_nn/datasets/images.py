"""Pictures: a folder of them, a class a sub-folder; decoded by Pillow, which is imported when the first one is read."""

from __future__ import annotations

import os
import re
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from ..common import checks, optional
from .dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["read_image_folder"]

_FORMATS = (
    "PNG",
    "JPEG",
    "BMP",
    "GIF",
    "TIFF",
    "WEBP",
    "PPM",
)  # not those that run another program, such as EPS
_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
Color: TypeAlias = Literal["rgb", "gray"]
MODES: dict[Color, str] = {"rgb": "RGB", "gray": "L"}
_PART_FOLDERS = {"train": ("train",), "validation": ("validation", "valid", "val"), "test": ("test",)}


def read_image_folder(
    path: str | os.PathLike[str], *, size: int | tuple[int, int] | None = None, color: Color = "rgb"
) -> Dataset:
    """Read pictures from a folder that has a sub-folder for each class.

    Parameters
    ----------
    path : path-like
        Folder with a sub-folder a class; or with sub-folders `train` and, each of them or not, `validation` (or
        `valid`, `val`) and `test`, which have the sub-folders of the classes. A picture is a file that ends in .png,
        .jpg, .jpeg, .bmp, .gif (its first frame), .tif, .tiff, .webp, .ppm or .pgm; other and hidden files are passed
        over.
    size : int or (height, width), optional
        Resize every picture to it, without regard to its proportions, by Pillow's bicubic filter. None: the pictures
        must have one size already.
    color : {"rgb", "gray"}, default "rgb"
        Convert to three channels, or to one of brightness. Transparency is dropped.

    Returns
    -------
    Dataset
        Samples (m, height, width, 3), or (m, height, width) in gray, uint8; labels (m,), int64, the places of the
        classes in `class_names`, the sorted names of the sub-folders; `input_scale` 1/255; `name` is the folder's.
        Rows are in the order of the classes, then of the file names, numbers in them counted as such: `leaf2` comes
        before `leaf10`.

    Raises
    ------
    ValueError
        No classes, one without pictures, a file that is no readable picture, or pictures of different sizes. The
        message names the file.
    ImportError
        Pillow is not installed.

    Examples
    --------
    >>> from compiled_nn.datasets import read_image_folder
    >>> leaves = read_image_folder("leaves", size=100)  # doctest: +SKIP
    """
    path = os.fspath(path)
    height_width = checked_size("read_image_folder", size)
    checks.choice("read_image_folder", "color", color, MODES)
    parts = _part_folders(path)
    class_names = _class_folders(parts["train"])
    arrays: dict[str, Any] = {}
    for part, folder in parts.items():
        files, labels = _files(folder, class_names)
        arrays[f"X_{part}"] = read_pictures(files, height_width, color, files)
        arrays[f"y_{part}"] = np.array(labels, np.int64)
        shape, wanted = (arrays[X].shape[1:3] for X in (f"X_{part}", "X_train"))
        if shape != wanted:
            raise ValueError(
                f"{folder} has pictures of {shape[0]} x {shape[1]} pixels, the training part of {wanted[0]} x "
                f"{wanted[1]}: give the size to bring them to"
            )
    for name in ("X", "y"):
        arrays.setdefault(f"{name}_test", arrays[f"{name}_train"][:0])
    name = os.path.basename(os.path.abspath(path))
    return Dataset(**arrays, class_names=tuple(class_names), input_scale=1 / 255, name=name)


def _part_folders(path: str) -> dict[str, str]:
    folders = _folders(path)
    if "train" not in folders or not _folders(os.path.join(path, "train")):
        return {"train": path}
    found = {part: [name for name in names if name in folders] for part, names in _PART_FOLDERS.items()}
    for names in found.values():
        if len(names) > 1:
            raise ValueError(f"{path}: the folders {names[0]!r} and {names[1]!r} are for the same part")
    return {part: os.path.join(path, names[0]) for part, names in found.items() if names}


def _folders(path: str) -> list[str]:
    with os.scandir(path) as entries:
        return sorted(
            (entry.name for entry in entries if entry.is_dir() and entry.name[0] != "."), key=_natural
        )


def _class_folders(path: str) -> list[str]:
    names = sorted(_folders(path))
    if not names:
        raise ValueError(f"{path} has no sub-folders; it takes one for each class")
    return names


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Sort `a2` before `a10`; the name itself settles what is alike by that, such as `a2` and `a02`."""
    pieces = re.split(r"(\d+)", name)
    return [(int(piece), "") if i % 2 else (-1, piece) for i, piece in enumerate(pieces)], name


def _files(folder: str, class_names: Sequence[str]) -> tuple[list[str], list[int]]:
    """Paths of the pictures below `folder`, class by class, and the place of each one's class."""
    unknown = sorted(set(_folders(folder)) - set(class_names))
    if unknown:
        raise ValueError(
            f"{os.path.join(folder, unknown[0])} is a class that the training part does not have"
        )
    files, labels = [], []
    for label, name in enumerate(class_names):
        path = os.path.join(folder, name)
        if not os.path.isdir(path):
            continue  # a part without rows of this class
        held = sorted(os.listdir(path), key=_natural)
        pictures = [file for file in held if file.lower().endswith(_ENDINGS) and file[0] != "."]
        if not pictures:
            raise ValueError(f"{path} has no pictures: no file that ends in {', '.join(_ENDINGS)}")
        files += [os.path.join(path, file) for file in pictures]
        labels += [label] * len(pictures)
    if not files:
        raise ValueError(f"{folder} has no folder of a class")
    return files, labels


# ---- pictures, wherever they come from


def checked_size(owner: str, size: object) -> tuple[int, int] | None:
    """Return the parameter `size` as (height, width), or None."""
    if size is None:
        return None
    sides = size if isinstance(size, tuple) else (size, size)
    if len(sides) != 2:
        raise ValueError(
            f"The 'size' parameter of {owner} must be an int or (height, width). Got {size!r} instead."
        )
    height, width = (checks.integer(owner, "size", side, minimum=1) for side in sides)
    return height, width


def read_pictures(
    sources: Sequence[Any], size: tuple[int, int] | None, color: Color, names: Sequence[str]
) -> NDArray[np.uint8]:
    """Return pictures as (m, height, width, 3), or (m, height, width) for the color "gray".

    Parameters
    ----------
    sources : sequence of str or PIL.Image.Image
        At least one.
    size : (height, width), optional
        None: that of the first one, which all must have.
    color : {"rgb", "gray"}
    names : sequence of str
        What to call each of them in a complaint.
    """
    opener = optional.load("PIL.Image", purpose="reading pictures", library="Pillow", extra="images").open
    pictures: NDArray[np.uint8] | None = None
    for i, (source, name) in enumerate(zip(sources, names, strict=True)):
        try:
            pixels = _pixels(source, opener, size, color)
        except MemoryError:
            raise
        except Exception as error:  # a damaged picture: each of Pillow's decoders raises errors of its own
            raise ValueError(f"{name} is no readable picture: {error}") from error
        if pictures is None:
            pictures = np.empty((len(sources), *pixels.shape), np.uint8)
        if pixels.shape != pictures.shape[1:]:
            height, width = pictures.shape[1:3]
            raise ValueError(
                f"{name} has {pixels.shape[0]} x {pixels.shape[1]} pixels, {names[0]} has {height} x {width}: give the "
                f"size to bring them to, such as size=({height}, {width})"
            )
        pictures[i] = pixels
    assert pictures is not None
    return pictures


def _pixels(
    source: Any, opener: Callable[..., Any], size: tuple[int, int] | None, color: Color
) -> NDArray[np.uint8]:
    """A picture as (height, width[, 3]); one that the caller has opened stays open."""
    opened = opener(source, formats=_FORMATS) if isinstance(source, str) else nullcontext(source)
    with opened as image:
        if image.mode[0] in "IF":
            raise ValueError(f"its pixels are of mode {image.mode!r}, more than 8 bits; convert it first")
        image = image.convert(MODES[color])
        if size is not None and image.size != size[::-1]:
            image = image.resize(size[::-1])
        return np.asarray(image, np.uint8)
