"""Metadata of the user in a file: anything that JSON can express, with some keys whose values have a fixed form.

    description, intended_use, limitations, licence, version    text
    authors        text, or list of texts
    date           date or time in ISO 8601 form, such as "2026-11-28"; objects of `datetime` are converted
    trained_on     text, or object
    metrics        object of numbers, or of objects of numbers, such as {"test": {"accuracy": 0.97}}

The form is checked when a file is written. A file with other values of these keys can be read.
"""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Never

from ..common.text import short


def to_config(metadata: object) -> dict[str, Any]:
    """Return metadata as JSON values.

    Raises
    ------
    TypeError
        If JSON cannot express them, or a key with a fixed form has a value of another type.
    ValueError
        If a date or a number cannot be used.
    """
    if not isinstance(metadata, dict) or not all(isinstance(key, str) for key in metadata):
        raise TypeError(f"metadata must be a dict whose keys are texts. Got {metadata!r} instead.")
    checked = {name: KEYS[name](name, value) if name in KEYS else value for name, value in metadata.items()}
    try:
        json.dumps(checked, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"metadata cannot be written to a file, because JSON cannot express it: {error}."
        ) from error
    return checked


def _refuse(name: str, value: object, expected: str, error: type[Exception] = TypeError) -> Never:
    raise error(f"metadata[{name!r}] must be {expected}. Got {short(value)} instead.")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        _refuse(name, value, "a text")
    return value


def _texts(name: str, value: object) -> Any:
    if isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value):
        return list(value)
    if not isinstance(value, str):
        _refuse(name, value, "a text or a list of texts")
    return value


def _text_or_object(name: str, value: object) -> Any:
    if not isinstance(value, (str, dict)):
        _refuse(name, value, "a text or a dict")
    return value


def _date(name: str, value: object) -> str:
    if isinstance(value, date):  # datetime is a subclass
        return value.isoformat()
    if not isinstance(value, str):
        _refuse(name, value, "a date in ISO 8601 form, such as '2026-11-28', or an object of datetime")
    try:
        datetime.fromisoformat(value)
    except ValueError:
        _refuse(name, value, "a date in ISO 8601 form, such as '2026-11-28'", ValueError)
    return value


def _metrics(name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        _refuse(name, value, "a dict of numbers by their names, or of such dicts")
    return {
        key: {inner: _number(f"{name}.{key}.{inner}", number) for inner, number in each.items()}
        if isinstance(each, Mapping)
        else _number(f"{name}.{key}", each)
        for key, each in value.items()
    }


def _number(name: str, value: object) -> int | float:
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        _refuse(name, value, "a number")
    if not math.isfinite(value):
        _refuse(name, value, "a finite number", ValueError)
    return float(value)


KEYS: dict[str, Callable[[str, object], Any]] = {
    "description": _text,
    "intended_use": _text,
    "limitations": _text,
    "trained_on": _text_or_object,
    "metrics": _metrics,
    "date": _date,
    "version": _text,
    "authors": _texts,
    "licence": _text,
}
