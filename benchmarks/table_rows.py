"""File of the rows of `tables.py`: one line of JSON for each fit, from which a run resumes.

A row has ``table``, ``split``, ``model`` and either what `table_fit.py` prints or ``error``. Of rows with the same
three, the last is valid.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]
# Rows by model, table and split.
Results = dict[str, dict[str, dict[int, Row]]]


def read(path: Path) -> list[Row]:
    """Return the valid rows of a file in the order of their first lines; none if there is no file.

    Parameters
    ----------
    path : pathlib.Path
        File. A last line that was not written completely is ignored.

    Returns
    -------
    list of dict
    """
    rows: dict[tuple[Any, ...], Row] = {}
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else []:
        if line.endswith(b"\n") and line.strip():
            row = json.loads(line)
            rows[key(row)] = row
    return list(rows.values())


def key(row: Row) -> tuple[str, str, int]:
    """Return the model, the table and the split of a row.

    Parameters
    ----------
    row : dict
        Row.

    Returns
    -------
    (str, str, int)
    """
    return row["model"], row["table"], row["split"]


def append(path: Path, row: Row) -> None:
    """Append a row, after the remains of an incomplete one have been removed.

    Parameters
    ----------
    path : pathlib.Path
        File; it is created if it does not exist.
    row : dict
        Row.
    """
    with open(path, "a+b") as file:
        file.seek(0)
        content = file.read()
        if not content.endswith(b"\n"):
            file.truncate(content.rfind(b"\n") + 1)
        file.write(json.dumps(row).encode() + b"\n")


def group(rows: list[Row]) -> Results:
    """Return the rows without those of failures, by model, table and split.

    Parameters
    ----------
    rows : list of dict
        Rows.

    Returns
    -------
    dict of dict of dict
    """
    results: Results = {}
    for row in rows:
        if "error" not in row:
            model, table, split = key(row)
            results.setdefault(model, {}).setdefault(table, {})[split] = row
    return results
