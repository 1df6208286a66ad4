"""Rows that were read and encoded before the networks that are fitted on them were chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..common.immutable import Immutable
from .inputs import Inputs

if TYPE_CHECKING:
    from ..data.samples import Samples
    from ..spec.configuration import Configuration
    from ..training.targets import Targets


class ReadRows(Immutable):
    """Rows converted for the core, which :meth:`compiled_nn.Ensemble.fit` takes in place of X.

    Attributes
    ----------
    inputs : Inputs
        Inputs that were learned from the rows.
    rows : ndarray (m, n_columns) or SparseRows
        Rows, converted for the core.
    targets : Targets or None
        Encoding of y; None to determine it from y.
    """

    inputs: Inputs
    rows: Samples
    targets: Targets | None

    def __init__(self, inputs: Inputs, rows: Samples, targets: Targets | None = None) -> None:
        self._set(inputs=inputs, rows=rows, targets=targets)

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, configuration: Configuration, X: Any) -> ReadRows:
        """Read and encode X as a network with this configuration does."""
        return cls(*Inputs.learned(configuration, X))
