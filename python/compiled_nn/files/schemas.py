"""Schemas: declarations of the values that the fields of a document in a file may have.

A check is a function of the path of a field, such as ``progress.stale``, and its JSON value. It returns the value, or
raises a ValueError that names the field, the value and what is expected. The functions of this module make checks.

>>> from compiled_nn.files.schemas import integer, optional, record, text
>>> check = record({"epochs": integer(), "reason": optional(text())})
>>> check("progress", {"epochs": 3, "reason": None})
{'epochs': 3, 'reason': None}
>>> check("progress", {"epochs": -1, "reason": None})
Traceback (most recent call last):
...
ValueError: progress.epochs is -1; expected an integer from 0 to 9007199254740992
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, Never, TypeAlias

from ..common import checks
from ..common.text import is_unicode

Check: TypeAlias = Callable[[str, Any], Any]

LARGEST = 2**53  # float64 has all integers up to this one
_LONGEST = 1000  # characters of a text
_MOST = 1e308  # magnitude of a number; integers beyond the range of float64 are larger
_SHOWN = 60  # characters of a value in an error
NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}  # floats by their text


def fail(path: str, value: object, expected: str) -> Never:
    """Raise the ValueError for a field whose value is not what is expected."""
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    raise ValueError(f"{path} is {shown}; expected {expected}")


def integer(minimum: int = 0, maximum: int = LARGEST) -> Check:
    """Return the check of an integer; true, false and 1.0 are not integers."""

    def check(path: str, value: Any) -> int:
        if type(value) is not int or not minimum <= value <= maximum:
            fail(path, value, f"an integer from {minimum} to {maximum}")
        return value

    return check


def real(
    *,
    minimum: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    special: Collection[str] = (),
) -> Check:
    """Return the check of a finite number within bounds.

    `special` are those of "inf", "-inf" and "nan" that are also allowed, as ``{"float": "inf"}``.
    """
    bounds = (("at least", minimum), ("above", above), ("below", below))
    named = [f"{sign} {bound:g}" for sign, bound in bounds if math.isfinite(bound)]
    expected = " ".join(["a finite number", " and ".join(named)]).rstrip()
    expected += "".join(f', or {{"float": "{name}"}}' for name in special)

    def check(path: str, value: Any) -> float:
        if isinstance(value, dict) and value.keys() == {"float"} and value["float"] in [*special]:
            return NOT_FINITE[value["float"]]
        number = type(value) in (int, float) and abs(value) <= _MOST
        if not (number and minimum <= value and above < value < below):
            fail(path, value, expected)
        return float(value)

    return check


def flag(path: str, value: Any) -> bool:
    """Check true or false."""
    if type(value) is not bool:
        fail(path, value, "true or false")
    return value


def text(longest: int = _LONGEST) -> Check:
    """Return the check of a text of at most `longest` characters that UTF-8 can encode."""

    def check(path: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > longest:
            fail(path, value, f"a text of at most {longest} characters")
        if not is_unicode(value):
            fail(path, value, "a text without surrogates")
        return value

    return check


def choice(options: Collection[str]) -> Check:
    """Return the check of a text that is one of some names."""

    def check(path: str, value: Any) -> str:
        if not isinstance(value, str) or value not in options:
            fail(path, value, f"one of {', '.join(map(repr, options))}")
        return value

    return check


def optional(check: Check) -> Check:
    """Return the check of a value that may also be null."""
    return lambda path, value: None if value is None else check(path, value)


def array(check: Check, least: int = 0, most: int = LARGEST) -> Check:
    """Return the check of a list of `least` to `most` values that all have the same check."""

    def check_all(path: str, value: Any) -> list[Any]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            fail(
                path,
                value,
                f"a list of at least {least} values" + (f", at most {most}" if most < LARGEST else ""),
            )
        return [check(f"{path}[{i}]", each) for i, each in enumerate(value)]

    return check_all


def mapping(check: Check) -> Check:
    """Return the check of an object with any fields that all have the same check."""
    return lambda path, value: record(dict.fromkeys(value, check) if isinstance(value, dict) else {})(
        path, value
    )


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """Return the check of an object that has all fields of `required`, may have those of `optional`, and no others."""
    known = {**required, **(optional or {})}

    def check(path: str, value: Any) -> dict[str, Any]:
        fields = checks.fields(path, value, required, known)
        return {name: known[name](f"{path}.{name}", each) for name, each in fields.items()}

    return check
