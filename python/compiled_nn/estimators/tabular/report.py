"""Report of a fit: each choice that was made, its value and its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ...common.text import printable
from ...display import notebook

STATED = "stated by the user"  # reason for a value that is not chosen


class Choice(NamedTuple):
    """Value of a setting, and the reason for it.

    Attributes
    ----------
    name : str
        Name of the setting: that of the parameter, where there is one.
    value : object
        Value, as JSON can express it.
    reason : str
        Reason for the value.
    """

    name: str
    value: Any
    reason: str


class Report(Mapping[str, Any]):
    """Choices that a fit has made, by name; it prints one line for each of them.

    ``report["max_iter"]`` is a value, ``report.reason("max_iter")`` the reason for it, and ``report.to_dict()`` has
    both in a form that JSON can express.

    Parameters
    ----------
    choices : iterable of Choice
        Choices, in the order in which they are shown.

    Examples
    --------
    >>> from compiled_nn.estimators.tabular.report import Choice, Report
    >>> report = Report([Choice("n_members", 4, "20,000 rows")])
    >>> report
    n_members  4  20,000 rows
    >>> report["n_members"], report.reason("n_members")
    (4, '20,000 rows')
    """

    def __init__(self, choices: Iterable[Choice]) -> None:
        self._choices = {choice.name: choice for choice in choices}

    def __getitem__(self, name: str) -> Any:
        return self._choices[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._choices)

    def __len__(self) -> int:
        return len(self._choices)

    def reason(self, name: str) -> str:
        """Return the reason for a value."""
        return self._choices[name].reason

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the "value" and the "reason" of each choice, by its name, in a form that JSON can express."""
        return {
            choice.name: {"value": choice.value, "reason": choice.reason} for choice in self._choices.values()
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """Return the header, and the name, the value and the reason of each choice as texts."""
        return [
            ("choice", "value", "reason"),
            *(
                (choice.name, printable(_shown(choice.value)), printable(choice.reason))
                for choice in self._choices.values()
            ),
        ]

    def __repr__(self) -> str:
        rows = self.rows()[1:]
        if not rows:
            return "no choices"
        names, values = (max(len(row[i]) for row in rows) for i in (0, 1))
        lines = (f"{name:<{names}}  {value:<{values}}  {reason}" for name, value, reason in rows)
        return "\n".join(map(str.rstrip, lines))

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook displays: a table of the choices."""
        return notebook.table_page("report_", self.rows(), n_texts=3)


def _shown(value: Any) -> str:
    """Return a value as one writes it in Python."""
    if isinstance(value, list):
        return f"({', '.join(map(_shown, value))}{',' if len(value) == 1 else ''})"
    return (
        f"{value:.4g}" if isinstance(value, float) else repr(value) if isinstance(value, str) else str(value)
    )
