"""Names of the columns of X: comparison with those that were passed during fit."""

from __future__ import annotations

from collections.abc import Sequence

from ..common.text import printable

_LISTED = 5  # largest number of names in an error message


def check_distinct(names: Sequence[str]) -> None:
    """Raise a ValueError if two columns have the same name."""
    if len(set(names)) == len(names):
        return
    known: set[str] = set()
    for twice in names:
        if twice in known:
            break
        known.add(twice)
    places = " and ".join(str(i) for i, name in enumerate(names) if name == twice)
    raise ValueError(
        f"X has several columns named {twice!r}: columns {places}, counted from 0. Columns are matched by name, so"
        " their names must differ. Rename these columns, or pass an array without names."
    )


def order(fitted: Sequence[str], given: Sequence[str]) -> list[int] | None:
    """Return the index in `given` of each name in `fitted`; None if both are the same, in the same order.

    Raises
    ------
    ValueError
        If a name is missing or additional, or two given columns have the same name.
    """
    if list(fitted) == list(given):
        return None
    check_same(fitted, given)
    check_distinct(given)
    places = {name: i for i, name in enumerate(given)}
    return [places[name] for name in fitted]


def check_same(fitted: Sequence[str], given: Sequence[str], *, ordered: bool = False) -> None:
    """Raise a ValueError, in scikit-learn's words, if a name is missing or additional.

    With `ordered`, it is also raised if the names are in another order.
    """
    unexpected, missing = sorted(set(given) - set(fitted)), sorted(set(fitted) - set(given))
    lines = ["The feature names should match those that were passed during fit."]
    if unexpected:
        lines += ["Feature names unseen at fit time:", *_listed(unexpected)]
    if missing:
        lines += ["Feature names seen at fit time, yet now missing:", *_listed(missing)]
    if ordered and len(lines) == 1 and list(fitted) != list(given):
        lines.append("Feature names must be in the same order as they were in fit.")
    if len(lines) > 1:
        raise ValueError("\n".join([*lines, ""]))


def _listed(names: list[str]) -> list[str]:
    more = ["- ..."] if len(names) > _LISTED else []
    return [f"- {printable(name)}" for name in names[:_LISTED]] + more
