"""Inputs: the form that X must have, and its conversion to the rows of the first layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..common.immutable import Immutable
from ..data import samples
from ..data.samples import Samples
from ..spec.configuration import Configuration

if TYPE_CHECKING:
    from ..preprocessing.tabular import Tabular


class Inputs(Immutable):
    """Description of the inputs of a network. It is immutable.

    Attributes
    ----------
    n_columns : int
        Number of inputs of the first layer.
    dtype : {"float32", "float64"}
        Dtype of the network.
    scale : float
        Factor by which X is multiplied.
    scaling : {"standard", "robust", "minmax"} or None
        Method by which the columns are scaled; None if they are not.
    encoder : Tabular or None
        Encoder that turns a table into numbers; None for numeric X.
    names : tuple of str, or None
        Names of the columns of X, before encoding; None if they have none.
    shape : tuple of int, or None
        Shape of one image, (height, width) or (height, width, channels); None for other rows.
    """

    n_columns: int
    dtype: str
    scale: float
    scaling: str | None
    encoder: Tabular | None
    names: tuple[str, ...] | None
    shape: tuple[int, ...] | None

    def __init__(
        self,
        n_columns: int,
        dtype: str,
        scale: float = 1.0,
        scaling: str | None = None,
        encoder: Tabular | None = None,
        names: tuple[str, ...] | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> None:
        if encoder is not None:
            titles = encoder.feature_names_in_
            names = None if titles is None else tuple(titles.tolist())
        self._set(
            n_columns=n_columns,
            dtype=dtype,
            scale=scale,
            scaling=scaling,
            encoder=encoder,
            names=names,
            shape=shape,
        )

    @classmethod
    def of(
        cls,
        configuration: Configuration,
        n_columns: int,
        encoder: Tabular | None = None,
        *,
        names: tuple[str, ...] | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> Inputs:
        """Return the inputs of a network with this configuration."""
        c = configuration
        return cls(n_columns, c.dtype, c.scale, c.scaling, encoder, names, shape)

    @property
    def n_features(self) -> int:
        """Number of columns of X, before encoding."""
        return self.n_columns if self.encoder is None else self.encoder.n_features_in_

    def read(self, X: Any) -> Samples:
        """Return X converted for the core; documented in :func:`compiled_nn.data.samples.read`."""
        return samples.read(X, dtype=self.dtype, n_features=self.n_columns, encoder=self.encoder)

    def range_error(self) -> ValueError:
        """Return the error for an X that overflows when it is scaled."""
        operation = f"scaled by {self.scale:g}" if self.scaling is None else "standardised"
        return ValueError(f"X is beyond the range of {self.dtype} once {operation}.")
