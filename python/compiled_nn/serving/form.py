"""Form of a model: a field for each column, made from the JSON Schema of a row.

A column is identified by the text of JSON of its name, and a category by that of its value, because an attribute of
HTML cannot have every character. The texts have ASCII characters only.
"""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from .answers import COVERAGE
from .markup import text

if TYPE_CHECKING:
    from .model import ServedModel

_MOST = 60  # columns that have fields; a row of more is a text of JSON
_LEFT_OUT = "left out"


def of_model(model: ServedModel, url: str) -> str:
    """Return the form whose requests are sent to an address."""
    schema = model.input_schema
    columns = _columns(schema, model.rows.titles)
    if columns is None:
        found = [_json_field(schema)]
        note = ""
    else:
        used = [(title, each, value) for title, each, value in columns if each.get("x-kind") != _LEFT_OUT]
        found = [_field(i, title, each, value) for i, (title, each, value) in enumerate(used)]
        left = [title for title, each, _ in columns if each.get("x-kind") == _LEFT_OUT]
        note = f'<p class="note">Not used by the model: {text(", ".join(left))}</p>' if left else ""
    if model.answering.has_regions:
        found.append(_coverage(model))
    check = ' data-check="1"' if model.knows_training else ""
    buttons = '<button type="submit">Predict</button><button type="reset">Reset</button>'
    return (
        f'<form id="form" data-url="{escape(url)}"{check} autocomplete="off" novalidate><div class="fields">'
        f'{"".join(found)}</div>{note}<div class="buttons">{buttons}</div></form>'
    )


def _columns(schema: dict[str, Any], titles: tuple[str, ...]) -> list[tuple[str, dict[str, Any], Any]] | None:
    """Return title, schema and example of each column; None for images and rows of many columns."""
    if len(titles) > _MOST or (
        schema["type"] == "array" and schema.get("items", {}) and "items" in schema["items"]
    ):
        return None
    example = schema["examples"][0]
    if schema["type"] == "object":
        return [(title, schema["properties"][title], example.get(title)) for title in titles]
    if "prefixItems" in schema:
        return list(zip(titles, schema["prefixItems"], example, strict=True))
    trained = schema.get("x-training") or [None] * len(titles)
    items = [schema["items"] | ({"x-training": each} if each else {}) for each in trained]
    return list(zip(titles, items, example, strict=True))


def _field(i: int, title: str, schema: dict[str, Any], example: Any) -> str:
    """Return the field of a column."""
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    hints, name = [], f"field{i}"
    if "x-categories" in schema:
        control = _choice(name, title, schema)
    elif schema.get("x-kind") == "date":
        kind = "datetime-local" if schema["format"] == "date-time" else "date"
        control = (
            f'<input id="{name}" type="{kind}" step="1" value="{escape(example or "")}"{_described(name)}>'
        )
    else:
        control = f'<input id="{name}" type="text" inputmode="decimal" value="{_number(example)}"{_described(name)}>'
        trained = schema.get("x-training")
        if trained:
            hints.append(f"training: {trained['minimum']:.6g} to {trained['maximum']:.6g}")
    if "null" in types and "x-categories" not in schema:
        hints.append("empty if missing")
    return _frame(name, title, control, "; ".join(hints), types[0], json.dumps(title))


def _choice(name: str, title: str, schema: dict[str, Any]) -> str:
    """Return the control of a column of categories: the known ones, none, or another one."""
    options = [
        f'<option value="{escape(json.dumps(each))}">{_label(each)}</option>'
        for each in schema["x-categories"]
    ]
    options.append('<option value="null">(missing)</option>')
    options.append('<option value="null" data-other>another value ...</option>')
    label = f'aria-label="Another value of {text(title)}"'
    other = f'<input id="{name}-other" type="text" {label}{_described(name)} hidden>'
    return f'<select id="{name}"{_described(name)}>{"".join(options)}</select>{other}'


def _label(category: Any) -> str:
    shown = json.dumps(category) if isinstance(category, (bool, int, float)) else text(category)
    return shown if shown.strip() else "(empty text)"


def _json_field(schema: dict[str, Any]) -> str:
    """Return the field of a whole row as JSON."""
    example = schema["examples"][0]
    control = (
        f'<textarea id="row" spellcheck="false"{_described("row")}>{escape(_laid_out(example))}</textarea>'
    )
    return _frame("row", "Row as JSON", control, schema["description"], "json", "", kind=" wide")


def _laid_out(example: Any) -> str:
    """Return an example as JSON with one line per column, or per row of pixels."""
    if isinstance(example, dict):
        return json.dumps(example, indent=1)
    if isinstance(example[0], list):
        return "[" + ",\n ".join(json.dumps(row) for row in example) + "]"
    return json.dumps(example)


def _coverage(model: ServedModel) -> str:
    """Return the field of the coverage of intervals or sets."""
    name = "coverage-value"
    control = f'<input id="{name}" type="text" inputmode="decimal" value="{COVERAGE}"{_described(name)}>'
    hint = f"at most {model.answering.largest_coverage:.4g}"
    return _frame(name, "Coverage", control, hint, "number", "", identifier="coverage")


def _frame(
    name: str,
    title: str,
    control: str,
    hint: str,
    kind_of_value: str,
    key: str,
    *,
    kind: str = "",
    identifier: str = "",
) -> str:
    """Return a field with its label, its hint, and places for an error and for what is unusual about the value."""
    attributes = f' data-key="{escape(key)}"' if key else ""
    attributes += f' id="{identifier}"' if identifier else ""
    return (
        f'<div class="field{kind}" data-type="{kind_of_value}"{attributes}>'
        f'<label for="{name}">{text(title)}</label>{control}'
        f'<p class="hint" id="{name}-hint">{text(hint)}</p><p class="error" id="{name}-error"></p>'
        f'<p class="unusual" id="{name}-unusual"></p></div>'
    )


def _described(name: str) -> str:
    return f' aria-describedby="{name}-hint {name}-error {name}-unusual"'


def _number(value: Any) -> str:
    return "" if value is None else json.dumps(value)
