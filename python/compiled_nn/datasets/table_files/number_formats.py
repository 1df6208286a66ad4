"""Forms of numbers in text: decimal point or comma, and marks between groups of three digits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

_SPACES = (" ", "\u00a0", "\u202f", "\u2009")
_APOSTROPHES = ("'", "\u2019")
_TOGETHER = 1 << 16  # cells
_WORDS = r"[+-]?(?:[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)"


class NumberFormat(NamedTuple):
    """Form of the numbers of a column.

    Attributes
    ----------
    decimal : str
        Decimal mark.
    thousands : str or None
        Mark between groups of three digits; None if no number has one.
    """

    decimal: str = "."
    thousands: str | None = None

    @property
    def plain(self) -> bool:
        """Whether Python reads these numbers as they are."""
        return self == PLAIN

    def matches(self, cells: Sequence[str]) -> bool:
        """Whether all cells, which have no line breaks, are numbers of this form."""
        pattern = _pattern(self, many=True)
        some = (cells[start : start + _TOGETHER] for start in range(0, len(cells), _TOGETHER))
        return all(pattern.fullmatch("\n".join(part) + "\n") for part in some)

    def matches_one(self, cell: str) -> bool:
        """Whether a cell is a number of this form."""
        return _pattern(self, many=False).fullmatch(cell) is not None

    def plain_text(self, text: str) -> str:
        """Return numbers of this form, in one text, as Python reads them."""
        if self.thousands is not None:
            text = text.replace(self.thousands, "")
        return text if self.decimal == "." else text.replace(self.decimal, ".")


PLAIN = NumberFormat()
_MARKS = re.escape("".join((".", ",", *_SPACES, *_APOSTROPHES)))
_ANY = re.compile(
    rf"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?|{_WORDS}"
    rf"|[+-]?[0-9]{{1,3}}([{_MARKS}])[0-9]{{3}}(?:\1[0-9]{{3}})*(?:(?!\1)[.,][0-9]+)?"
)


@lru_cache(maxsize=64)
def _pattern(form: NumberFormat, *, many: bool) -> re.Pattern[str]:
    mark = re.escape(form.decimal)
    number = rf"[+-]?(?:[0-9]+(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?"
    options = [number, _WORDS]
    if form.thousands is not None:
        group = re.escape(form.thousands)
        options.insert(0, rf"[+-]?[0-9]{{1,3}}(?:{group}[0-9]{{3}})+(?:{mark}[0-9]+)?")
    one = "|".join(options)
    # Without the possessive repetition, a text of many lines would be matched with as many states on a stack.
    return re.compile(rf"(?:(?:{one})\n)*+" if many else one)


def _forms(decimal: str | None, thousands: str | None) -> Iterator[NumberFormat]:
    for mark in (".", ",") if decimal is None else (decimal,):
        if thousands is not None:
            if thousands != mark:
                yield NumberFormat(mark, thousands)
            continue
        for group in (None, "," if mark == "." else ".", *_SPACES, *_APOSTROPHES):
            yield NumberFormat(mark, group)


def candidates(
    cells: Sequence[str], decimal: str | None = None, thousands: str | None = None
) -> list[NumberFormat]:
    """Return the forms of which all cells are, at most one for each decimal mark; [] for other cells.

    Parameters
    ----------
    cells : sequence of str
        Different cells, none of which is missing.
    decimal, thousands : str, optional
        Marks, if they are given.
    """
    found: dict[str, NumberFormat] = {}
    for form in _forms(decimal, thousands):
        if form.decimal not in found and form.matches_one(cells[0]) and form.matches(cells):
            found[form.decimal] = form
    forms = list(found.values())
    if len(forms) == 2 and not any("." in cell or "," in cell for cell in cells):
        return forms[:1]  # both give the same numbers
    return forms


def is_number(cell: str) -> bool:
    """Whether a cell is a number of any form."""
    return _ANY.fullmatch(cell) is not None
