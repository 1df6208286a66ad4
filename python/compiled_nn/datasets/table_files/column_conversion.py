"""Conversion of columns of text: what kind of values all cells of a column are, and their values.

A column is a number if all its cells are numbers, a date if all are dates of one format, boolean if all are true or
false, and otherwise text. Which decimal mark a column has can depend on the other columns of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from ...data.arrays import Array
from ...data.column_types import Word
from ..texts import shown
from . import column_dates, date_formats, number_formats
from .cell_errors import CellError, row_of
from .column_cells import Cells, Numbers, joined_or_none, numbers_of_levels
from .number_formats import PLAIN, NumberFormat
from .table_options import Options

_TOGETHER = 1 << 16  # cells
Kind = Literal["number", "boolean", "date", "text"]

# Words that are missing values in every column. A category can be named NA (Namibia) or None.
_NEVER_TEXT = frozenset(("", "NaN", "<NA>", "#N/A"))
_WORDS = ("NA", "N/A", "NaN", "null", "None", "n.a.", "#NA", "-NaN")
_SIGNS = (
    "",
    "-",
    "--",
    "?",
    ".",
    "<NA>",
    "#N/A",
    "#N/A N/A",
    "(null)",
    "1.#IND",
    "-1.#IND",
    "1.#QNAN",
    "-1.#QNAN",
)
_MISSING = frozenset(_SIGNS) | {
    form for word in _WORDS for form in (word, word.lower(), word.upper(), word.capitalize())
}
_BOOLEANS = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_NUMBER_START = re.compile(r"[+-]?[.,]?[0-9]")
_EXPECTED = {"number": "a number", "boolean": "true or false", "date": "a date"}


class Form(NamedTuple):
    """Kind and format of the cells of a column.

    Attributes
    ----------
    kind : {"number", "boolean", "date", "text"}
    number : NumberFormat
        Form of numbers.
    date : str
        Format of dates.
    labels : bool
        Whether numbers may have leading zeros, and more digits than a float holds, because the type is given.
    """

    kind: Kind
    number: NumberFormat = PLAIN
    date: str = ""
    labels: bool = False


class Decided(NamedTuple):
    """Form of a column, and its values, if they were computed to find it.

    Attributes
    ----------
    forms : list of Form
        One form, or two that differ in the decimal mark, between which the other columns of the file decide.
    values : ndarray or None
        Values of the first form.
    fraction : str
        Decimal mark that the column certainly has; "" if it has none.
    """

    forms: list[Form]
    values: Array | None = None
    fraction: str = ""


def missing_numbers(options: Options) -> frozenset[str]:
    """Return the spellings of a missing value in columns of numbers, dates and booleans."""
    return _MISSING | options.missing


def missing_texts(options: Options) -> frozenset[str]:
    """Return the spellings of a missing value in columns of text."""
    return _NEVER_TEXT | options.missing


def is_missing(cell: str) -> bool:
    """Whether a cell is missing in a column of numbers."""
    return cell in _MISSING


def is_typed(cell: str) -> bool:
    """Whether a cell is a number of any form, a date, or true or false."""
    if _NUMBER_START.match(cell) is None:
        return cell in _BOOLEANS
    return number_formats.is_number(cell) or date_formats.looks_like_a_date(cell)


def decide(cells: Cells, name: Any, options: Options) -> Decided:
    """Return the form of a column by all its cells.

    Raises
    ------
    CellError
        If a cell is not of the given type, or the order of day and month is ambiguous.
    """
    word, given = options.word_of(name), options.format_of(name)
    if word == "category":
        return Decided([Form("text")])
    missing = missing_numbers(options)
    if word != "date":
        plain = _plain(cells, missing, word, options)
        if plain is not None:
            return plain
        if word is None and given is None and options.thousands is None and not _may_be_typed(cells, missing):
            return Decided([Form("text")])
    levels, codes = cells.levels()
    present = [level for level in levels if level not in missing]
    if word == "date":
        return Decided(
            [Form("date", date=column_dates.format_of(cells, present, name, given, options.hints.get(name)))]
        )
    if not present:
        return Decided([Form("number")])
    if all(level in _BOOLEANS for level in present):
        return Decided([Form("boolean")])
    if word is None and (form := column_dates.maybe_format(present, name, given, options.hints.get(name))):
        return Decided([Form("date", date=form)])
    forms = _number_forms(present, options)
    if not forms or (word is None and _are_labels(levels, codes, forms, missing)):
        if word == "number":
            raise _not_of_kind(cells, missing, "number", _likely(present, options))
        return Decided([Form("text")])
    mark = forms[0].decimal if len(forms) == 1 and _has_mark(present, forms[0]) else ""
    return Decided([Form("number", form, labels=word == "number") for form in forms], fraction=mark)


def _may_be_typed(cells: Cells, missing: frozenset[str]) -> bool:
    """Whether the first cells are all numbers, dates or booleans."""
    return all(cell in missing or is_typed(cell) for cell in cells.head())


def takes_plain(options: Options) -> bool:
    """Whether 1.5 is a number."""
    return options.decimal != "," and options.thousands != "."


def _has_missing_numbers(options: Options) -> bool:
    """Whether a number stands for a missing value, such as -9."""
    return any(map(PLAIN.matches_one, options.missing))


def stays_text(found: Numbers, name: Any, options: Options) -> bool:
    """Whether a column is not one of plain numbers, by the numbers of some of its rows."""
    if not (found.whole or takes_plain(options)) or _has_missing_numbers(options):
        return True
    word = options.word_of(name)
    return word in ("category", "date") or (word is None and found.are_labels)


def _plain(cells: Cells, missing: frozenset[str], word: Word | None, options: Options) -> Decided | None:
    """Return the form of a column of plain numbers; None for any other column."""
    if not all(cell in missing or PLAIN.matches_one(cell) for cell in cells.head()):
        return None
    found = (
        numbers_of_levels(*cells.levels(), missing)
        if _has_missing_numbers(options)
        else cells.numbers(missing)
    )
    if found is None or not (found.whole or takes_plain(options)):
        return None
    if found.are_labels and word is None:
        return Decided([Form("text")])
    return Decided(
        [Form("number", labels=word == "number")], found.values, fraction="" if found.whole else "?"
    )


def _number_forms(present: Sequence[str], options: Options) -> list[NumberFormat]:
    if _NUMBER_START.match(present[0]) is None:
        return []
    return number_formats.candidates(present, options.decimal, options.thousands)


def _likely(present: Sequence[str], options: Options) -> NumberFormat:
    """Return the form of the first cell that is a number; the plain one if none is."""
    for cell in present:
        if forms := number_formats.candidates([cell], options.decimal, options.thousands):
            return forms[0]
    return NumberFormat(options.decimal or ".", options.thousands)


def _has_mark(present: Sequence[str], form: NumberFormat) -> bool:
    """Whether one of the numbers has a decimal mark, or a mark of thousands that tells which one it is."""
    return any("." in cell or "," in cell for cell in present)


def _are_labels(
    levels: list[str], codes: Array, forms: Sequence[NumberFormat], missing: frozenset[str]
) -> bool:
    found = _numbers(levels, codes, forms[0], missing)
    return found is None or found.are_labels


def examined(cells: Cells, options: Options) -> Decided:
    """Return the forms of a column of plain numbers with fractions, where other columns have a decimal comma."""
    missing = missing_numbers(options)
    present = [level for level in cells.levels()[0] if level not in missing]
    forms = [PLAIN, *(form for form in _number_forms(present, options) if form.decimal != ".")]
    return Decided([Form("number", form) for form in forms], fraction="." if len(forms) == 1 else "")


def resolve(decided: Sequence[Decided]) -> list[list[Form]]:
    """Return the forms of columns, of those with two that which the other columns have, if they agree."""
    marks = {each.fraction for each in decided} & {".", ","}
    return [
        [form for form in each.forms if form.number.decimal in marks] or each.forms
        if len(each.forms) > 1 and len(marks) == 1
        else each.forms
        for each in decided
    ]


def ambiguous(cells: Cells, forms: Sequence[Form], options: Options) -> CellError:
    """Return the error for a column whose numbers may have either decimal mark."""
    levels, codes = cells.levels()
    missing = missing_numbers(options)
    row = next(
        i for i, code in enumerate(codes) if levels[code] not in missing and _has_mark([levels[code]], PLAIN)
    )
    cell = levels[codes[row]]
    read = " or ".join(
        f"{float(form.number.plain_text(cell)):.15g} (decimal={form.number.decimal!r})" for form in forms
    )
    return CellError(
        row, f"{shown(cell)} may be {read}, and no other number of the file tells which; pass decimal=..."
    )


def convert(cells: Cells, form: Form, options: Options) -> Array:
    """Return the values of a column whose form is known.

    Raises
    ------
    CellError
        If a cell has another form.
    """
    if form.kind == "text":
        return cells.texts(missing_texts(options))
    missing = missing_numbers(options)
    if form.kind == "number" and form.number.plain and not _has_missing_numbers(options):
        found = cells.numbers(missing)
        if found is None or (found.are_labels and not form.labels):
            raise _not_of_kind(cells, missing, form.kind, form.number)
        return found.values
    levels, codes = cells.levels()
    if form.kind == "number":
        found = _numbers(levels, codes, form.number, missing)
        if found is None or (found.are_labels and not form.labels):
            raise _not_of_kind(cells, missing, form.kind, form.number)
        return found.values
    if form.kind == "boolean":
        return _booleans(cells, levels, codes, missing)
    return _dates(cells, levels, codes, form.date, missing)


def _numbers(levels: list[str], codes: Array, form: NumberFormat, missing: frozenset[str]) -> Numbers | None:
    """Return numbers of any form."""
    present = [level for level in levels if level not in missing]
    if not form.matches(present):
        return None
    del present
    parts = []
    for start in range(0, max(1, len(levels)), _TOGETHER):
        some = ["" if level in missing else level for level in levels[start : start + _TOGETHER]]
        plain = form.plain_text("\n".join(some)).split("\n") if some else []
        parts.append(numbers_of_levels(plain, np.arange(len(plain)), frozenset(("",))))
    found = joined_or_none(parts)
    return found and found._replace(values=found.values[codes])


def _booleans(cells: Cells, levels: list[str], codes: Array, missing: frozenset[str]) -> Array:
    found = [np.nan if level in missing else _BOOLEANS.get(level, -1) for level in levels]
    if -1 in found:
        raise CellError(
            row_of(cells, levels[found.index(-1)]), f"{shown(levels[found.index(-1)])} is not true or false"
        )
    values = np.array(found, np.float64)
    return (values if np.isnan(values).any() else values == 1)[codes]


def _dates(cells: Cells, levels: list[str], codes: Array, form: str, missing: frozenset[str]) -> Array:
    present = [i for i, level in enumerate(levels) if level not in missing]
    found = np.full(len(levels), "NaT", "datetime64[us]")
    values, bad = date_formats.parse([levels[i] for i in present], form)
    if values is None:
        cell = levels[present[bad]]
        raise CellError(row_of(cells, cell), f"{shown(cell)} is not a date of the format {form!r}")
    found[present] = values
    return found[codes]


def _not_of_kind(cells: Cells, missing: frozenset[str], kind: Kind, form: NumberFormat) -> CellError:
    """Return the error for the first cell that is no number of a form."""
    levels, codes = cells.levels()
    for row, code in enumerate(codes.tolist()):
        cell = levels[code]
        if cell in missing:
            continue
        if not form.matches_one(cell):
            marks = "" if form.plain else f" with the decimal mark {form.decimal!r}"
            return CellError(row, f"{shown(cell)} is not {_EXPECTED[kind]}{marks}")
    labelled = (row for row, code in enumerate(codes.tolist()) if _is_label(levels[code]))
    row = next(labelled, 0)
    return CellError(
        row, f"{shown(levels[codes[row]])} has leading zeros, or more digits than a number holds"
    )


def _is_label(cell: str) -> bool:
    digits = cell.lstrip("+-")
    return digits.isdigit() and ((digits[0] == "0" and len(digits) > 1) or len(digits) > 15)


def found_options(names: Iterable[Any], forms: Sequence[Form]) -> dict[str, Any]:
    """Return the detected options that may not follow from another file of the same kind."""
    found: dict[str, Any] = {}
    marks = {form.number for form in forms if form.kind == "number" and not form.number.plain}
    if marks:
        decimals, groups = {mark.decimal for mark in marks}, {mark.thousands for mark in marks} - {None}
        found |= {"decimal": decimals.pop()} if len(decimals) == 1 else {}
        found |= {"thousands": groups.pop()} if len(groups) == 1 else {}
    formats = {
        name: form.date
        for name, form in zip(names, forms, strict=True)
        if form.kind == "date" and form.date not in ("", date_formats.ISO, date_formats.ISO_ZONED)
    }
    return found | ({"date_format": formats} if formats else {})
