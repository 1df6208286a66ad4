"""Names of the columns of X: comparison with those that were passed during fit.

Names are texts, or labels: numbers, or tuples of texts and numbers, such as those of several header lines.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Any, TypeAlias

from ..common.text import printable

Label: TypeAlias = "float | tuple[str | float, ...]"  # an int is a float for type checkers

_LISTED = 5  # largest number of names in an error message
_LARGEST = 1 << 64  # magnitude below which integers are labels


def labels(names: Iterable[Any]) -> tuple[Label, ...] | None:
    """Return names as labels; None if one of them is not a label, or some are numbers and others tuples."""
    found = [_tuple(name) if isinstance(name, tuple) else _number(name) for name in names]
    if None in found or len({isinstance(label, tuple) for label in found}) > 1:
        return None
    return tuple(label for label in found if label is not None)


def _number(name: Any) -> float | None:
    """Return a number as an int or a finite float; None for anything else."""
    if isinstance(name, numbers.Integral) and not isinstance(name, bool):
        return int(name) if abs(int(name)) < _LARGEST else None
    if isinstance(name, numbers.Real) and not isinstance(name, bool) and math.isfinite(name):
        return float(name)
    return None


def _tuple(name: tuple[Any, ...]) -> tuple[str | float, ...] | None:
    parts = [str(part) if isinstance(part, str) else _number(part) for part in name]
    return None if None in parts else tuple(part for part in parts if part is not None)


def counted(names: Sequence[Any]) -> bool:
    """Whether names are 0, 1, ... in this order, as those of a table that was made of an array."""
    return list(names) == list(range(len(names)))


def check_distinct(names: Sequence[Hashable]) -> None:
    """Raise a ValueError if two columns have the same name."""
    if len(set(names)) == len(names):
        return
    known: set[Hashable] = set()
    for twice in names:
        if twice in known:
            break
        known.add(twice)
    places = " and ".join(str(i) for i, name in enumerate(names) if name == twice)
    raise ValueError(
        f"X has several columns named {twice!r}: columns {places}, counted from 0. Columns are matched by name, so"
        " their names must differ. Rename these columns, or pass an array without names."
    )


def order(
    fitted: Sequence[Any], given: Sequence[Any], optional: Collection[int] = ()
) -> list[int | None] | None:
    """Return the index in `given` of each name in `fitted`; None if both are the same, in the same order.

    `optional` are the indices in `fitted` of names that `given` may lack; their index is None then.

    Raises
    ------
    ValueError
        If a name is missing or additional, or two given columns have the same name.
    """
    if list(fitted) == list(given):
        return None
    check_same(fitted, given, optional=optional)
    check_distinct(given)
    places = {name: i for i, name in enumerate(given)}
    return [places.get(name) for name in fitted]


def check_same(
    fitted: Sequence[Any], given: Sequence[Any], *, ordered: bool = False, optional: Collection[int] = ()
) -> None:
    """Raise a ValueError, in scikit-learn's words, if a name is missing or additional.

    With `ordered`, it is also raised if the names are in another order. `optional` are the indices in `fitted` of names
    that `given` may lack.
    """
    needed = {name for i, name in enumerate(fitted) if i not in optional}
    unexpected, missing = _sorted(set(given) - set(fitted)), _sorted(needed - set(given))
    lines = ["The feature names should match those that were passed during fit."]
    if unexpected:
        lines += ["Feature names unseen at fit time:", *_listed(unexpected)]
    if missing:
        lines += ["Feature names seen at fit time, yet now missing:", *_listed(missing)]
    if ordered and len(lines) == 1 and list(fitted) != list(given):
        lines.append("Feature names must be in the same order as they were in fit.")
    if len(lines) > 1:
        raise ValueError("\n".join([*lines, ""]))


def some(names: Sequence[Any]) -> str:
    """Return the first names in a line, for errors."""
    more = ", ..." if len(names) > _LISTED else ""
    return ", ".join(printable(repr(name)) for name in names[:_LISTED]) + more


def _sorted(names: set[Any]) -> list[Any]:
    """Return names of one kind in their order, but tuples, which can have texts and numbers, in that of their texts."""
    return sorted(names, key=repr if any(isinstance(name, tuple) for name in names) else None)


def _listed(names: list[Any]) -> list[str]:
    more = ["- ..."] if len(names) > _LISTED else []
    return [f"- {printable(str(name))}" for name in names[:_LISTED]] + more
