"""Summary of the layers of an estimator, before and after fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..spec.summary import Summary, summarize
from .settings import Settings

if TYPE_CHECKING:
    from .network import EstimatorNetwork


class Inspection(Settings):
    """Methods of an estimator that help to understand its network."""

    network_: EstimatorNetwork

    def summary(self) -> Summary:
        """Return the sizes of each layer, as :meth:`Network.summary`.

        Returns
        -------
        Summary
            Table that prints as text. Before fit, the inputs, the outputs and what depends on them are unknown: None,
            and "?" in the table.

        Raises
        ------
        TypeError, ValueError
            If a parameter has an invalid type or value.
        """
        if hasattr(self, "network_"):
            return self.network_.summary()
        layers = self._layers(1)
        activations = [str(layer.activation or "identity") for layer in layers[:-1]]
        return summarize(layers, [*activations, None], None, self.dtype, n_outputs_known=False)
