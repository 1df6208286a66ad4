"""Options of the readers of tables, checked."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from ...common import checks
from ...common.errors import did_you_mean
from ...data.column_types import WORDS, Word

_DECIMALS = (".", ",")
_LISTED = 10  # names in a message


class Options(NamedTuple):
    """Options of one call; None: detected.

    Attributes
    ----------
    owner : str
        Name of the function, for messages.
    column_types : mapping of name to word
    columns : tuple of names, or None
    header : bool or None
    delimiter, quote, encoding, decimal, thousands : str or None
    date_format : str, mapping of name to str, or None
    missing : frozenset of str
        Further spellings of a missing value.
    sheet : str, int or None
    max_bytes : int
    known : frozenset of str
        Names of which one in the first line tells that it has the names of the columns.
    hints : mapping of name to str
        Formats of dates for columns in which day and month may be in either order.
    choose : callable or None
        Function that returns `columns` and `column_types` for the names of a file.
    """

    owner: str
    column_types: Mapping[Any, Word]
    columns: tuple[Any, ...] | None
    header: bool | None
    delimiter: str | None
    quote: str | None
    encoding: str | None
    decimal: str | None
    thousands: str | None
    date_format: str | Mapping[Any, str] | None
    missing: frozenset[str]
    sheet: str | int | None
    max_bytes: int
    known: frozenset[str] = frozenset()
    hints: Mapping[Any, str] = MappingProxyType({})
    choose: Callable[[list[Any]], tuple[Sequence[Any], Mapping[Any, Word]]] | None = None

    def for_names(self, names: Sequence[Any]) -> Options:
        """Return the options for a file with these names of columns."""
        if self.choose is None:
            return self
        columns, types = self.choose(list(names))
        return self._replace(columns=tuple(columns), column_types=types, choose=None)

    def format_of(self, name: Any) -> str | None:
        """Return the format of the dates of a column; None: detected."""
        if self.date_format is None or isinstance(self.date_format, str):
            return self.date_format
        return self.date_format.get(name)

    def word_of(self, name: Any) -> Word | None:
        """Return the type of a column; None: detected."""
        word = self.column_types.get(name)
        if word is None and isinstance(self.date_format, Mapping) and name in self.date_format:
            return "date"
        return word

    def selected(self, names: Sequence[Any]) -> list[int]:
        """Return the indices of the columns to read, of the columns with these names.

        Raises
        ------
        ValueError
            If an option names a column that does not exist, or no column is left.
        """
        known = {name: i for i, name in enumerate(names)}
        asked: list[tuple[str, Iterable[Any]]] = [("columns", self.columns or ())]
        if isinstance(self.date_format, Mapping):
            asked.append(("date_format", self.date_format))
        for option, wanted in (*asked, ("column_types", self.column_types)):
            for name in wanted:
                if name not in known and (option == "columns" or self.columns is None):
                    raise ValueError(
                        f"no column is named {name!r}, which the option {option} has; the columns are {listed(names)}."
                        f"{did_you_mean(str(name), map(str, names))}"
                    )
        order = range(len(names)) if self.columns is None else [known[name] for name in self.columns]
        found = [i for i in order if self.column_types.get(names[i]) != "ignore"]
        if not found:
            raise ValueError("no column is left to read: column_types ignores all of them")
        return found


def listed(names: Sequence[Any]) -> str:
    """Return the first names, for a message."""
    return ", ".join(map(repr, names[:_LISTED])) + (", ..." if len(names) > _LISTED else "")


def check(owner: str, **given: Any) -> Options:
    """Return the options of a call.

    Raises
    ------
    TypeError, ValueError
        If an option has a wrong type or value.
    """
    if given["header"] is not None:
        checks.flag(owner, "header", given["header"])
    for name in ("delimiter", "quote", "thousands"):
        _check_character(owner, name, given[name], empty=name == "quote")
    if given["decimal"] is not None and given["decimal"] not in _DECIMALS:
        raise _wrong(owner, "decimal", '"." or ","', given["decimal"])
    marks = [given[name] for name in ("delimiter", "quote", "decimal", "thousands") if given[name]]
    if given["thousands"] is not None and given["thousands"] == given["decimal"]:
        raise ValueError(
            f"The 'decimal' and 'thousands' parameters of {owner} must differ. Got {marks[-1]!r} twice."
        )
    if given["delimiter"] is not None and given["delimiter"] == given["quote"]:
        raise ValueError(
            f"The 'delimiter' and 'quote' parameters of {owner} must differ. Got {marks[0]!r} twice."
        )
    _check_encoding(owner, given["encoding"])
    missing = given["missing"]
    if isinstance(missing, str) or not all(isinstance(word, str) for word in missing or ()):
        raise TypeError(
            f"The 'missing' parameter of {owner} must be a sequence of str. Got {missing!r} instead."
        )
    columns = given["columns"]
    if isinstance(columns, str):
        raise TypeError(
            f"The 'columns' parameter of {owner} must be a sequence of names. Got {columns!r} instead."
        )
    if columns is not None and (not len(columns) or len(set(columns)) < len(columns)):
        raise ValueError(
            f"The 'columns' parameter of {owner} must be different names, at least one. Got {columns!r} instead."
        )
    sheet = given["sheet"]
    if sheet is not None and not isinstance(sheet, str):
        checks.integer(owner, "sheet", sheet, minimum=0)
    return Options(
        owner,
        _checked_types(owner, given["column_types"]),
        None if columns is None else tuple(columns),
        given["header"],
        given["delimiter"],
        given["quote"],
        given["encoding"],
        given["decimal"],
        given["thousands"],
        _checked_formats(owner, given["date_format"]),
        frozenset(word.strip() for word in missing or ()),
        sheet,
        checks.integer(owner, "max_bytes", given["max_bytes"], minimum=1),
    )


def _wrong(owner: str, name: str, expected: str, value: object) -> TypeError | ValueError:
    kind = ValueError if isinstance(value, str) else TypeError
    return kind(f"The {name!r} parameter of {owner} must be {expected}. Got {value!r} instead.")


def _check_character(owner: str, name: str, value: object, *, empty: bool) -> None:
    if value is None or (empty and value == ""):
        return
    if not isinstance(value, str) or len(value) != 1 or value in "\r\n\0":
        raise _wrong(owner, name, "a single character" + ', or "" for no quotes' * empty, value)


def _check_encoding(owner: str, encoding: object) -> None:
    if encoding is None:
        return
    try:
        if not isinstance(encoding, str):
            raise LookupError
        "".encode(codecs.lookup(encoding).name)
    except LookupError:
        raise _wrong(
            owner, "encoding", "the name of an encoding of text, such as 'cp1252'", encoding
        ) from None


def _checked_types(owner: str, types: object) -> Mapping[Any, Word]:
    if types is None:
        return {}
    if not isinstance(types, Mapping):
        raise TypeError(
            f"The 'column_types' parameter of {owner} must be a mapping of names to types. Got {types!r} instead."
        )
    for name, word in types.items():
        if word not in WORDS:
            raise ValueError(
                f"The 'column_types' parameter of {owner} must have types among {', '.join(map(repr, WORDS))}. Got "
                f"{word!r} for the column {name!r}.{did_you_mean(str(word), WORDS)}"
            )
    return types


def _checked_formats(owner: str, formats: object) -> str | Mapping[Any, str] | None:
    if formats is None:
        return None
    found = list(formats.values()) if isinstance(formats, Mapping) else [formats]
    if not all(isinstance(text, str) and "%" in text for text in found):
        raise (TypeError if not all(isinstance(text, str) for text in found) else ValueError)(
            f"The 'date_format' parameter of {owner} must be a format such as '%d/%m/%Y', or a mapping of names of "
            f"columns to formats. Got {formats!r} instead."
        )
    return formats  # type: ignore[return-value]
