"""What X has to be, and how it becomes the rows of the first layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..data import samples
from ..data.samples import Samples
from ..spec.configuration import Configuration

if TYPE_CHECKING:
    from ..preprocessing.tabular import Tabular


@dataclass(frozen=True, eq=False)
class Inputs:
    """The input side of a network. It is immutable.

    Attributes
    ----------
    n_columns : int
        Columns that the first layer takes.
    dtype : {"float32", "float64"}
    scale : float
        Factor of every number of X.
    scaling : str or None
        How the columns are scaled, one of "standard", "robust" and "minmax".
    encoder : Tabular or None
        Turns a table into numbers.
    """

    n_columns: int
    dtype: str
    scale: float = 1.0
    scaling: str | None = None
    encoder: Tabular | None = None

    @classmethod
    def of(cls, configuration: Configuration, n_columns: int, encoder: Tabular | None = None) -> Inputs:
        """Return the inputs of a network of this configuration."""
        return cls(n_columns, configuration.dtype, configuration.scale, configuration.scaling, encoder)

    @property
    def n_features(self) -> int:
        """Columns of X."""
        return self.n_columns if self.encoder is None else self.encoder.n_features_in_

    def read(self, X: Any) -> Samples:
        """Return X as the core takes it; documented in :func:`compiled_nn.data.samples.read`."""
        return samples.read(X, dtype=self.dtype, n_features=self.n_columns, encoder=self.encoder)

    def range_error(self) -> ValueError:
        """Return the error for an X that overflows once it is scaled."""
        how = f"scaled by {self.scale:g}" if self.scaling is None else "standardised"
        return ValueError(f"X is beyond the range of {self.dtype} once {how}.")
