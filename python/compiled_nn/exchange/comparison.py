"""Comparison of an imported model with the model that it was made from, before it is returned."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import verification

if TYPE_CHECKING:
    from ..artefact.predictor import Predictor
    from .description import Description
    from .verification import Answers


def compared(
    description: Description,
    predictor: Predictor,
    theirs: Callable[[Any], Answers],
    source: str,
    against: str,
    bound: float | None = None,
) -> dict[str, Any]:
    """Compare a model with its source on probe rows, and return the entry of the metadata about the conversion.

    Parameters
    ----------
    description : Description
        Description of the imported model.
    predictor : Predictor
        Predictor of the imported model.
    theirs : callable
        Function of rows X that returns the answers of the source, in the form of :func:`verification.answers`.
    source : str
        Name of the class or the format of the source.
    against : str
        Library that computes `theirs`, with its version.
    bound : float, optional
        Largest difference, relative to the largest output. Default: that of the dtype of the model.

    Raises
    ------
    ArithmeticError
        If the predictions differ.
    """
    probe = verification.probe_rows(description, predictor)
    ours = verification.answers(description, predictor, probe.X)
    found = theirs(probe.X)
    # exp of the core has a limit, above which other libraries return infinity.
    finite = np.ones(len(probe), bool)
    for name, values in found.items():
        if name != "label":
            finite &= np.isfinite(values).all(axis=1)
    if 2 * finite.sum() > len(finite):
        ours, found = ({name: each[finite] for name, each in side.items()} for side in (ours, found))
    result = verification.check(
        ours,
        found,
        description.dtype,
        against,
        bound=bound,
        what=f"{source} that was imported",
        outcome="no network was made; in float64, rounding errors are smaller",
    )
    return {"conversion": {"from": source, **result.to_config()}}
