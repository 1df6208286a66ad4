"""Outcome of a training: plan, scores and files, from which the report is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..tables.record import Record
from .plan import Plan


@dataclass
class Training:
    """Plan of a training, and its results.

    Attributes
    ----------
    plan : Plan
        Data, network, settings and paths of files.
    seconds : float
        Duration of the training.
    interrupted : bool
        Whether Ctrl-C ended it.
    known : Record or None
        Record in the metadata of the network; None for a data set that has a test part.
    measured : dict
        Scores by the name of the part: "train", and "test" if there are test rows.
    plot : str or None
        File of the loss curve; None if it was not drawn.
    page : str or None
        File of the page about the model; None if it was not written.
    """

    plan: Plan
    seconds: float = 0.0
    interrupted: bool = False
    known: Record | None = None
    measured: dict[str, dict[str, Any]] = field(default_factory=dict)
    plot: str | None = None
    page: str | None = None
