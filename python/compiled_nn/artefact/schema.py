"""JSON Schema (draft 2020-12) of one row of X: what :meth:`predict` of a model accepts.

(a) What the schema accepts, `predict` accepts, alone and in a list of rows. The exceptions cannot be expressed in JSON
    Schema; docs/guide/inputs.md lists them. `predict` also accepts some rows that the schema refuses, such as flat
    images.
(b) What training saw is information in keywords that begin with "x-", because a value beyond it is not an error.
(c) There is no "$ref" and no look-ahead in a pattern, so that the schema can be a part of another document, such as one
    of OpenAPI, and every validator can read it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.errors import count
from ..common.text import printable, shortened
from ..preprocessing.columns import Categorical, LeftOut, Numeric

if TYPE_CHECKING:
    from ..preprocessing.columns import Column
    from .inputs import Inputs

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MOST = 1000  # categories that are listed
_SHOWN = 5  # categories in a description
_LONGEST = 40  # characters of a category in a description
_DIGITS = 4  # significant digits of numbers in examples
_TRAINING = ("minimum", "maximum", "mean", "deviation", "missing")  # in the order of Summary.numbers
_SCALARS = ["string", "number", "boolean", "null"]
_DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
_ZONE = "(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?"


def of_row(inputs: Inputs) -> Schema:
    """Return the JSON Schema of one row; documented in :meth:`compiled_nn.Network.input_schema`."""
    head: Schema = {"$schema": _DIALECT, "title": "Row"}
    if inputs.shape is not None:
        return {**head, "description": f"One image of shape {inputs.shape}.", **_image(inputs)}
    columns = _with_training(inputs, _columns(inputs))
    items = [schema for schema, _ in columns]
    values = [value for _, value in columns]
    array = {**_array(items, inputs), "examples": [values]}
    if inputs.names is None:
        return {**head, "description": f"One row of {count(len(items), 'column')}.", **array}
    optional = () if inputs.encoder is None else inputs.encoder.optional
    named = list(enumerate(zip(inputs.names, values, strict=True)))
    return {
        **head,
        "description": f"One row of {count(len(items), 'column')}, by their names.",
        "type": "object",
        "properties": dict(zip(inputs.names, items, strict=True)),
        "required": [name for i, (name, _) in named if i not in optional],
        "additionalProperties": False,
        "examples": [{name: value for i, (name, value) in named if i not in optional}],
        "x-array": array,
    }


def _array(items: list[Schema], inputs: Inputs) -> Schema:
    """Return the schema of a row as an array, whose values are those of the columns in their order."""
    size = {"minItems": len(items), "maxItems": len(items)}
    if inputs.encoder is None and inputs.names is None:
        trained = [item["x-training"] for item in items if "x-training" in item]
        known = {"x-training": trained} if trained else {}
        return {"type": "array", "items": _number(inputs.dtype), **size, **known}
    return {"type": "array", "prefixItems": items, "items": False, **size}


def _image(inputs: Inputs) -> Schema:
    """Return the schema of an image as nested arrays."""
    assert inputs.shape is not None
    schema = _number(inputs.dtype)
    for size in reversed(inputs.shape):
        schema = {"type": "array", "items": schema, "minItems": size, "maxItems": size}
    return {**schema, "examples": [np.zeros(inputs.shape, int).tolist()]}


def _columns(inputs: Inputs) -> list[tuple[Schema, Any]]:
    """Return the schema of each column of X, and a value for an example."""
    if inputs.encoder is None:
        return [(_number(inputs.dtype), 0.0)] * inputs.n_features
    return [_of_column(column, inputs.dtype) for column in inputs.encoder.columns_]


def _with_training(inputs: Inputs, columns: list[tuple[Schema, Any]]) -> list[tuple[Schema, Any]]:
    """Return the schemas and values of columns with what training saw of them, if it is known for each column."""
    summary = None if inputs.seen is None else inputs.seen.summary
    if summary is None:
        return columns
    from . import seen  # imported here because only fitted models have it

    encoder, found = inputs.encoder, list(columns)
    places = range(len(columns)) if encoder is None else [i for i, _, _ in seen.numeric(encoder)]
    if len(places) == summary.numbers.shape[1]:
        for i, of_column in zip(places, summary.numbers.T.tolist(), strict=True):
            schema = found[i][0]
            if schema.get("x-kind") != "date" and not math.isnan(of_column[0]):
                known = dict(zip(_TRAINING, seen.rounded(of_column), strict=True))
                middle = min(max(float(f"{known['mean']:.{_DIGITS}g}"), known["minimum"]), known["maximum"])
                found[i] = {**schema, **_boolean(schema["type"], known), "x-training": known}, middle
    return found


def _boolean(types: str | list[str], known: dict[str, float]) -> Schema:
    """Return the types of a column that may have been booleans in training, since these are read as 0 and 1."""
    if (known["minimum"], known["maximum"]) != (0, 1):
        return {}
    return {"type": ["number", "boolean", *(["null"] if "null" in types else [])]}


def _number(dtype: str) -> Schema:
    """Return the schema of a number within the range of the dtype."""
    largest = float(np.finfo(dtype).max)
    return {"type": "number", "minimum": -largest, "maximum": largest}


def _of_column(column: Column, dtype: str) -> tuple[Schema, Any]:
    """Return the schema of an encoded column, and a value for an example."""
    if isinstance(column, LeftOut):
        reason = printable(column.reason)
        return {"type": _SCALARS, "description": f"Not used: {reason}", "x-kind": "left out"}, None
    if isinstance(column, Categorical):
        return _of_categories(column)
    if isinstance(column, Numeric):
        text = f"Number. A missing one is null, and replaced by the mean of training, {column.mean:.4g}."
        schema = {**_number(dtype), "type": ["number", "null"], "description": text, "x-kind": "number"}
        return schema, float(f"{column.mean:.{_DIGITS}g}")
    timed = "hour" in column.parts
    schema = {
        "type": ["string", "null"],
        "pattern": f"^{_DATE}([T ]{_TIME}{_ZONE})?$",
        "format": "date-time" if timed else "date",
        "description": "Date of ISO 8601, such as 2024-03-01 or 2024-03-01T12:30. A missing one is null.",
        "x-kind": "date",
    }
    first = str(np.datetime64(column.first, "us").astype("datetime64[s]"))
    return schema, None if not column.parts else first if timed else first.partition("T")[0]


def _of_categories(column: Categorical) -> tuple[Schema, Any]:
    """Return the schema of a column of categories, and a value for an example."""
    known = column.categories
    first = known[0] if known else ""
    kind = "boolean" if isinstance(first, bool) else "string" if isinstance(first, str) else "number"
    shown = ", ".join(shortened(category, _LONGEST) for category in known[:_SHOWN])
    names = f": {shown}{', ...' if len(known) > _SHOWN else ''}" if known else ""
    n = f"{len(known):,} {'category' if len(known) == 1 else 'categories'}"
    schema = {
        "type": [kind, "null"],
        "description": f"One of {n}{names}. Another one is accepted as unknown, and null as missing.",
        "x-kind": "category",
        "x-categories": list(known[:_MOST]),
    }
    return schema, first if known else None
