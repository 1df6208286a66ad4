"""Conversion of a model to other formats and libraries: the methods ``to_...`` of all models."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from .predicting import Predicting

if TYPE_CHECKING:
    from ..artefact.predictor import Predictor
    from ..exchange.description import Description


class Exchanging:
    """Methods that convert a fitted model."""

    @abstractmethod
    def _described_predictor(self) -> tuple[Description, Predictor]:
        """Return the description of the present predictor, and the predictor; NotFittedError without weights."""


class NetworkExchanging(Exchanging, Predicting):
    """The same methods for a model that has the predictor itself."""

    def _described_predictor(self) -> tuple[Description, Predictor]:
        from ..exchange.description import describe  # imported here to keep `import compiled_nn` fast

        predictor = self._predicting()
        return describe(predictor, self._fitted().statistics), predictor
