"""Reader for folders of images with one subfolder per class. Pillow is imported when the first image is read."""

from __future__ import annotations

import math
import os
import re
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from ..common import checks, optional
from . import limits
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
)  # formats that Pillow decodes without starting another program, as it does for EPS
_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
Color: TypeAlias = Literal["rgb", "gray"]
MODES: dict[Color, str] = {"rgb": "RGB", "gray": "L"}
_DECODED = 8  # bytes per pixel: up to 4 channels, and their conversion
_PART_FOLDERS = {"train": ("train",), "validation": ("validation", "valid", "val"), "test": ("test",)}


def read_image_folder(
    path: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] | None = None,
    color: Color = "rgb",
    max_bytes: int = limits.MAX_BYTES,
) -> Dataset:
    """Read images from a folder that has one subfolder per class.

    Parameters
    ----------
    path : path-like
        Folder with one subfolder per class; or with subfolders `train` and, optionally, `validation` (or `valid`,
        `val`) and `test`, each with one subfolder per class. Files that end in .png, .jpg, .jpeg, .bmp, .gif (first
        frame), .tif, .tiff, .webp, .ppm or .pgm are read. Other files and hidden files are ignored.
    size : int or (height, width), optional
        Size in pixels to which every image is resized with Pillow's bicubic filter; the aspect ratio is not kept.
        Default: no resizing; all images must have the same size.
    color : {"rgb", "gray"}, default "rgb"
        Color mode: three channels, or one channel of brightness. Transparency is dropped.
    max_bytes : int, default 4 GiB
        Largest number of bytes of all images of the result, and of one image while it is decoded. The sizes in the
        headers of the files are compared with it. Pillow also limits a single image, by
        ``PIL.Image.MAX_IMAGE_PIXELS``.

    Returns
    -------
    Dataset
        Samples of shape (m, height, width, 3), or (m, height, width) for "gray", uint8. Labels of shape (m,), int64:
        indices into `class_names`, the sorted names of the subfolders. `input_scale` 1/255; `name` is the name of the
        folder. Rows are sorted by class, then by file name, with numbers in names compared as numbers: `leaf2` comes
        before `leaf10`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, if there are no classes, if a class has no images, if a file is not a readable
        image, if images have different sizes, or if they are larger than `max_bytes`. The message names the file or
        folder.
    ImportError
        If Pillow is not installed.

    See Also
    --------
    from_hugging_face : Images of a data set of Hugging Face.

    Examples
    --------
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from compiled_nn.datasets import read_image_folder
    >>> for i, name in enumerate(["healthy", "rust", "rust"]):
    ...     Path("leaves", name).mkdir(parents=True, exist_ok=True)
    ...     Image.new("RGB", (40, 30), color="green").save(Path("leaves", name, f"{i}.png"))
    >>> leaves = read_image_folder("leaves", size=20)
    >>> leaves.X_train.shape, leaves.class_names, leaves.y_train.tolist()
    ((3, 20, 20, 3), ('healthy', 'rust'), [0, 1, 1])
    """
    budget = limits.Budget.of("read_image_folder", max_bytes)
    path = os.fspath(path)
    height_width = checked_size("read_image_folder", size)
    checks.choice("read_image_folder", "color", color, MODES)
    parts = _part_folders(path)
    class_names = _class_folders(parts["train"])
    arrays: dict[str, Any] = {}
    for part, folder in parts.items():
        files, labels = _files(folder, class_names)
        arrays[f"X_{part}"] = read_pictures(files, height_width, color, files, budget)
        arrays[f"y_{part}"] = np.array(labels, np.int64)
        shape, train = (arrays[X].shape[1:3] for X in (f"X_{part}", "X_train"))
        if shape != train:
            raise ValueError(
                f"{folder} has images of {shape[0]} x {shape[1]} pixels, the training part has images of {train[0]} x "
                f"{train[1]}; pass size to resize them"
            )
    for name in ("X", "y"):
        arrays.setdefault(f"{name}_test", arrays[f"{name}_train"][:0])
    name = os.path.basename(os.path.abspath(path))
    return Dataset(**arrays, class_names=tuple(class_names), input_scale=1 / 255, name=name)


def _part_folders(path: str) -> dict[str, str]:
    folders = _folders(path)
    if "train" not in folders or not _folders(os.path.join(path, "train")):
        return {"train": path}
    present = {part: [name for name in names if name in folders] for part, names in _PART_FOLDERS.items()}
    for names in present.values():
        if len(names) > 1:
            raise ValueError(
                f"{path}: the folders {names[0]!r} and {names[1]!r} are for the same part; remove one"
            )
    return {part: os.path.join(path, names[0]) for part, names in present.items() if names}


def _folders(path: str) -> list[str]:
    with os.scandir(path) as entries:
        return sorted(
            (entry.name for entry in entries if entry.is_dir() and entry.name[0] != "."), key=_natural
        )


def _class_folders(path: str) -> list[str]:
    names = sorted(_folders(path))
    if not names:
        raise ValueError(f"{path} has no subfolders; expected one for each class")
    return names


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Return a sort key that places `a2` before `a10`; names with equal numbers (`a2`, `a02`) are sorted as text."""
    pieces = re.split(r"(\d+)", name)
    return [(int(piece), "") if i % 2 else (-1, piece) for i, piece in enumerate(pieces)], name


def _files(folder: str, class_names: Sequence[str]) -> tuple[list[str], list[int]]:
    """Return the paths of the images in `folder`, sorted by class, and the index of the class of each image."""
    unknown = sorted(set(_folders(folder)) - set(class_names))
    if unknown:
        raise ValueError(
            f"{os.path.join(folder, unknown[0])} is a class that the training part does not have; its classes are "
            f"{', '.join(map(repr, class_names[:20]))}"
        )
    files, labels = [], []
    for label, name in enumerate(class_names):
        path = os.path.join(folder, name)
        if not os.path.isdir(path):
            continue  # this part has no rows of the class
        entries = sorted(os.listdir(path), key=_natural)
        pictures = [file for file in entries if file.lower().endswith(_ENDINGS) and file[0] != "."]
        if not pictures:
            raise ValueError(f"{path} has no images: no file ends in {', '.join(_ENDINGS)}")
        files += [os.path.join(path, file) for file in pictures]
        labels += [label] * len(pictures)
    if not files:
        raise ValueError(f"{folder} has no subfolder of any class")
    return files, labels


# ---- images from files or objects


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
    sources: Sequence[Any],
    size: tuple[int, int] | None,
    color: Color,
    names: Sequence[str],
    budget: limits.Budget,
) -> NDArray[np.uint8]:
    """Return images as an array (m, height, width, 3), or (m, height, width) for the color "gray".

    Parameters
    ----------
    sources : sequence of str or PIL.Image.Image
        Paths or images, at least one.
    size : (height, width), optional
        Size in pixels to which images are resized. Default: no resizing; all must have the size of the first one.
    color : {"rgb", "gray"}
        Color mode of the result.
    names : sequence of str
        Name of each source, for error messages.
    budget : Budget
        Bytes that the images may take.

    Returns
    -------
    ndarray of uint8

    Raises
    ------
    ValueError
        If an image cannot be read, has another size than the first one, or is too large.
    ImportError
        If Pillow is not installed.
    """
    opener = optional.load("PIL.Image", purpose="reading images", library="Pillow", extra="images").open
    pictures: NDArray[np.uint8] | None = None
    for i, (source, name) in enumerate(zip(sources, names, strict=True)):
        try:
            pixels = _pixels(source, opener, size, color, budget)
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders raise many classes of errors for damaged images
            raise ValueError(f"{name} is not a readable image: {error}") from error
        if pictures is None:
            shape = (len(sources), *pixels.shape)
            budget.take(math.prod(shape), f"{names[0]}: an array of shape {shape} and dtype uint8")
            pictures = np.empty(shape, np.uint8)
        if pixels.shape != pictures.shape[1:]:
            height, width = pictures.shape[1:3]
            raise ValueError(
                f"{name} has {pixels.shape[0]} x {pixels.shape[1]} pixels, {names[0]} has {height} x {width}; pass the "
                f"size to resize them to, such as size=({height}, {width})"
            )
        pictures[i] = pixels
    assert pictures is not None
    return pictures


def _pixels(
    source: Any,
    opener: Callable[..., Any],
    size: tuple[int, int] | None,
    color: Color,
    budget: limits.Budget,
) -> NDArray[np.uint8]:
    """Return an image as an array (height, width[, 3]); an image object of the caller is not closed."""
    opened = opener(source, formats=_FORMATS) if isinstance(source, str) else nullcontext(source)
    with opened as image:
        if image.mode[0] in "IF":
            raise ValueError(
                f"it has mode {image.mode!r}, with more than 8 bits per channel; convert it first"
            )
        width, height = image.size
        budget.check(_DECODED * width * height, f"to decode {height} x {width} pixels", alone=True)
        image = image.convert(MODES[color])
        if size is not None and image.size != size[::-1]:
            image = image.resize(size[::-1])
        return np.asarray(image, np.uint8)
