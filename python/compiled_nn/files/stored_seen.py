"""Summary of the training rows in a file: the object ``seen`` of the record in files/recorded.py.

    rows       number of training rows
    ranged     number of those rows from which ranges, shares of missing values and counts were computed
    sampled    number of those rows from which means and deviations were computed
    numbers    for each column of numbers, or for all of them together if there are more than 50, [low, high, mean,
               deviation, share of missing values], with null in the first four places if all values are missing; the
               days since its first date for a date; in the order of the encoder
    counts     for one column of categories after the other: number of rows of each category, of its rare ones if the
               encoder has a column for them, and of missing ones

It is absent if it is not known what training saw. Means, deviations and shares are rounded.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .schemas import array, fail, integer, optional, real, record

if TYPE_CHECKING:
    from ..artefact.inputs import Inputs

_PARTS = 5  # numbers of a column

SCHEMA = record(
    {
        "rows": integer(1),
        "ranged": integer(1),
        "sampled": integer(1),
        "numbers": array(array(optional(real()))),
        "counts": array(integer()),
    }
)


def to_config(inputs: Inputs) -> dict[str, Any] | None:
    """Return the object as JSON values; None if it is not known what training saw."""
    summary = None if inputs.seen is None else inputs.seen.summary
    if summary is None:
        return None
    from ..artefact.seen import rounded  # imported here because old files do not have it

    known = {"rows": summary.rows, "ranged": summary.ranged, "sampled": summary.sampled}
    columns = map(rounded, summary.numbers.T.tolist())
    numbers = [[None if math.isnan(each) else each for each in column] for column in columns]
    return {**known, "numbers": numbers, "counts": list(map(int, summary.counts.tolist()))}


def read(config: dict[str, Any] | None, inputs: Inputs) -> Inputs:
    """Return inputs with what training saw, if a file has it; `config` has the form of `SCHEMA`.

    Raises
    ------
    ValueError
        If it does not match the inputs, or its numbers are impossible.
    """
    if config is None:
        return inputs
    from ..artefact.seen import Seen, Summary  # imported here because old files do not have it

    seen, n, ranged, sampled = inputs.new_seen(), config["rows"], config["ranged"], config["sampled"]
    if not n >= ranged >= sampled:
        fail("seen.sampled and seen.ranged", (sampled, ranged), f"numbers of some of the {n} rows")
    for name, n_expected in (("numbers", seen.n_numbers), ("counts", seen.n_counts)):
        if len(config[name]) != n_expected:
            fail(f"the number of seen.{name}", len(config[name]), str(n_expected))
    for column in config["numbers"]:
        if len(column) != _PARTS or column[-1] is None or not 0 <= column[-1] <= 1:
            fail("seen.numbers", column, "five numbers, of which the last one is a share")
        low, high, mean, deviation, _ = column
        is_empty = low is high is mean is deviation is None
        if not is_empty and (None in column or low > high or deviation < 0):
            fail("seen.numbers", column, "a range, a mean and a deviation, or null for each of them")
    numbers = np.array(config["numbers"], np.float64).reshape(-1, _PARTS).T
    summary = Summary(n, ranged, sampled, numbers, np.array(config["counts"], np.float64))
    return inputs.replace(seen=Seen(inputs.encoder, inputs.n_columns, summary))
