"""Check of calibration rows: a column without a range loses its effect on the predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..common.errors import CompiledNNWarning, count, warn
from .seen import HIGH, LOW, numeric

if TYPE_CHECKING:
    from ..data.samples import Samples
    from .inputs import Inputs


def check(rows: Samples, inputs: Inputs) -> None:
    """Warn of columns of numbers that have one value in calibration rows, and had several in training.

    Parameters
    ----------
    rows : ndarray or SparseRows (m, k)
        Calibration rows, converted for the core.
    inputs : Inputs
        Description of the inputs. If it has no ranges of training, there is a warning only if all columns have one
        value.
    """
    given = inputs.new_seen()
    given.add(rows)
    found, trained = given.summary, None if inputs.seen is None else inputs.seen.summary
    assert found is not None
    constant = found.numbers[LOW] == found.numbers[HIGH]
    if trained is not None:
        constant &= trained.numbers[LOW] < trained.numbers[HIGH]
    places = (
        [*range(inputs.n_features)] if inputs.encoder is None else [i for i, _, _ in numeric(inputs.encoder)]
    )
    if len(constant) != len(places) and len(rows) == 1 and inputs.shape is None:  # one range for all columns
        constant[:] = True
    if not constant.any() or (trained is None and not constant.all()):
        return
    if constant.all():
        which = "Every column of numbers has"
    else:
        name = inputs.titles[places[int(np.flatnonzero(constant)[0])]]
        n = int(constant.sum())
        which = f"Column {name!r} has" if n == 1 else f"{n} columns, such as {name!r}, have"
    warn(
        f"{which} one value in {count(len(rows), 'calibration row')}, but not in training: predictions of int8 do"
        " not depend on such columns. Pass some hundred training rows.",
        CompiledNNWarning,
    )
