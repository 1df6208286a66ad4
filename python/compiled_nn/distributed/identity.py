"""Description of sharded rows, by which a checkpoint recognises the run that it continues."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..training.sharded import Learned
    from .parts import Shards


def description(mode: str, shards: Shards, learned: Learned) -> dict[str, Any]:
    """Return the numbers of rows of the shards and hashes of a sample of their rows, as JSON values.

    Rows that are in neither the sample nor the held-out rows are not compared: that would be another pass over them.

    Parameters
    ----------
    mode : {"averaging", "synchronous"}
        Mode of training.
    shards : Shards
        Parts of the rows.
    learned : Learned
        Properties learned from all shards.
    """
    seen = None if learned.inputs.seen is None else learned.inputs.seen.summary
    counts = [] if learned.counts is None else learned.counts.tolist()
    columns = [] if seen is None else [seen.numbers, seen.counts]
    return {
        "mode": mode,
        "steps_per_average": shards.steps_per_average if mode == "averaging" else None,
        "n_shards": shards.n_shards,
        "rows of each part": list(learned.n_rows),
        "sum of weights of each part": [float(weight) for weight in learned.weights],
        "rows of each class": [int(number) for number in counts],
        "hash of the columns": _hash(columns),
        "hash of a sample": _hash([_numbers(learned.sample), learned.sample_y]),
    }


def _numbers(sample: Any) -> Any:
    return getattr(sample, "data", sample)  # of sparse rows, the numbers that are not zero


def _hash(values: list[Any]) -> str:
    digest = hashlib.sha256()
    for value in values:
        array = np.ascontiguousarray(value)
        is_text = array.dtype.kind not in "biufM"
        digest.update(repr(array.tolist()).encode() if is_text else array.tobytes())
    return digest.hexdigest()[:16]
