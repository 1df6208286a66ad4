"""Converters from the text of an option to its value; the `type` of `argparse`."""

from __future__ import annotations

import math
import os
from argparse import ArgumentTypeError
from collections.abc import Callable, Collection
from typing import Any

from ...common.errors import did_you_mean

_OTHER_MODELS = (
    *(
        ".pt",
        ".pth",
        ".ckpt",
        ".pkl",
        ".pickle",
        ".joblib",
        ".h5",
        ".hdf5",
        ".keras",
        ".onnx",
        ".pb",
        ".tflite",
    ),
    *(".npz", ".npy", ".csv", ".json", ".parquet", ".gz", ".zip", ".png", ".svg", ".pdf"),
)


class Choice:
    """Converter that accepts one of some names.

    Attributes
    ----------
    names : collection of str
    """

    def __init__(self, names: Collection[str]) -> None:
        self.names = names

    def __call__(self, text: str) -> Any:
        """Return the name."""
        if text in self.names:
            return text
        known = ", ".join(self.names)
        raise ArgumentTypeError(f"{text!r} is not among {known}.{did_you_mean(text, self.names)}")


class Choices(Choice):
    """Converter that accepts some of these names, separated by commas."""

    def __call__(self, text: str) -> Any:
        """Return the names as a tuple."""
        one = super().__call__
        return tuple(one(name.strip()) for name in text.split(","))


def choice(names: Collection[str]) -> Choice:
    """Return a converter that accepts one of these names."""
    return Choice(names)


def choices(names: Collection[str]) -> Choices:
    """Return a converter that accepts some of these names, separated by commas."""
    return Choices(names)


def integer(minimum: int) -> Callable[[str], int]:
    """Return a converter that accepts integers from a minimum on."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = minimum - 1
        if value < minimum:
            raise ArgumentTypeError(f"{text!r} is not a whole number >= {minimum}")
        return value

    return convert


def size(text: str) -> int:
    """Return a number of bytes; K, M and G after it are powers of 1024."""
    digits = text.upper().removesuffix("B").removesuffix("I")
    unit = "KMG".find(digits[-1:]) + 1 if digits else 0
    try:
        number = int(digits[:-1] if unit else digits) << 10 * unit
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of bytes, such as 4000000 or 16G")
    return number


def real(
    *, minimum: float = -math.inf, above: float = -math.inf, below: float = math.inf
) -> Callable[[str], float]:
    """Return a converter that accepts finite numbers with minimum <= number and above < number < below."""
    bounds = ((">=", minimum), (">", above), ("<", below))
    allowed = " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if math.isfinite(bound))

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (minimum <= value < below and above < value < math.inf):
            raise ArgumentTypeError(f"{text!r} is not a number {allowed}")
        return value

    return convert


def shares(text: str) -> tuple[float, ...]:
    """Convert numbers between 0 and 1, separated by commas."""
    return tuple(real(above=0, below=1)(part.strip()) for part in text.split(","))


def scale(text: str) -> float:
    """Convert a number or a fraction such as 1/255."""
    numerator, _, denominator = text.partition("/")
    convert = real(above=0)
    try:
        return real(above=0)(repr(convert(numerator) / convert(denominator or "1")))
    except ArgumentTypeError:
        raise ArgumentTypeError(f"{text!r} is neither a number > 0 nor a fraction such as 1/255") from None


def layers(text: str) -> tuple[int, ...]:
    """Convert numbers of units, separated by commas, or "none"."""
    if text == "none":
        return ()
    try:
        return tuple(integer(1)(part.strip()) for part in text.split(","))
    except ArgumentTypeError:
        raise ArgumentTypeError(
            f"{text!r} is neither a list of units, such as 128,64, nor the word none"
        ) from None


def scaling(text: str) -> bool | str:
    """Convert the name of a method that scales columns; the default method is True."""
    from ...spec.configuration import SCALINGS  # imported here: a start imports no code of a command

    method = Choice((*SCALINGS, "none"))(text)
    if method in (SCALINGS[0], "none"):
        return bool(method != "none")
    return str(method)


def patience(text: str) -> int:
    """Convert a number of epochs; "none" is 0."""
    return 0 if text == "none" else integer(1)(text)


def class_weight(text: str) -> str | dict[str, float]:
    """Convert "balanced", or weights such as yes=3,no=1; a label with a comma is in double quotes."""
    import csv  # imported here: a start imports no code of a command

    if "=" not in text:
        return str(Choice(("balanced",))(text))
    weights: dict[str, float] = {}
    for cell in next(csv.reader([text], skipinitialspace=True)):
        label, _, weight = cell.rpartition("=")
        weights[label] = real(minimum=0)(weight)
    return weights


def model(text: str) -> str:
    """Convert the name of the file of a network; endings of other formats are refused."""
    if text == "-":
        raise ArgumentTypeError("the network cannot be written to stdout; give the name of a file")
    ending = os.path.splitext(text)[1].lower()
    if ending in _OTHER_MODELS:
        raise ArgumentTypeError(
            f"{text!r} ends in {ending}, but the file has the format safetensors; use the ending .safetensors"
        )
    return text


def batch_size(text: str) -> int | str:
    """Convert a number of rows, or "full"."""
    if text == "full":
        return text
    try:
        return integer(1)(text)
    except ArgumentTypeError:
        raise ArgumentTypeError(f"{text!r} is neither a whole number >= 1 nor the word full") from None


def column(text: str) -> int | str:
    """Convert the index of a column or a sheet, or its name."""
    try:
        return int(text)
    except ValueError:
        return text


def character(text: str) -> str:
    r"""Convert one character; ``tab`` and ``\t`` are a tab."""
    text = {r"\t": "\t", "tab": "\t"}.get(text, text)
    if len(text) != 1:
        raise ArgumentTypeError(f"{text!r} has {len(text)} characters; expected 1 character, or the word tab")
    return text


def quote(text: str) -> str:
    """Convert one character, or the word none to ""."""
    return "" if text == "none" else character(text)


def encoding(text: str) -> str:
    """Convert the name of an encoding of text."""
    import codecs  # imported here: a start imports no code of a command

    try:
        "".encode(codecs.lookup(text).name)
    except (LookupError, ValueError):
        raise ArgumentTypeError(
            f"{text!r} is not the name of an encoding, such as utf-8 or latin-1"
        ) from None
    return text


def file(*endings: str, stdout: bool = False) -> Callable[[str], str | None]:
    """Return a converter that accepts file names with one of these endings; with `stdout`, "-" becomes None."""

    def convert(text: str) -> str | None:
        if stdout and text == "-":
            return None
        if text.lower().endswith(endings):
            return text
        raise ArgumentTypeError(f"{text!r} does not end in {' or '.join(endings)}")

    return convert
