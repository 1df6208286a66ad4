"""Pictures, drawn by matplotlib: imported when the first one is drawn, and never through pyplot.

Each picture is a class in the manner of scikit-learn's displays. ``from_estimator`` (or ``from_predictions``,
``from_images``, ``from_name``) computes what is shown, keeps it as attributes and draws it; ``plot(ax)`` draws
it again, elsewhere or in another style. `ax_` and `figure_` are where it was drawn last. Nothing is shown on a
screen: ``display.figure_.savefig("picture.png")`` writes a file, and a notebook shows ``display.figure_``.

An estimator is a :class:`compiled_nn.Network`, or anything else with `predict` and, where it has them,
`predict_proba` and `classes_`. Colours are told apart by the colour-blind, and words, dashes or shapes say the
same in gray.
"""

from __future__ import annotations

from .activations import ActivationDisplay
from .boundary import DecisionBoundaryDisplay
from .confusion import ConfusionMatrixDisplay
from .curves import LossCurveDisplay, ScoreCurveDisplay
from .images import ImageGridDisplay, WeightImagesDisplay
from .losses import LossFunctionDisplay
from .predictions import PredictionGridDisplay
from .probabilities import ProbabilityBarsDisplay

__all__ = [
    "ActivationDisplay",
    "ConfusionMatrixDisplay",
    "DecisionBoundaryDisplay",
    "ImageGridDisplay",
    "LossCurveDisplay",
    "LossFunctionDisplay",
    "PredictionGridDisplay",
    "ProbabilityBarsDisplay",
    "ScoreCurveDisplay",
    "WeightImagesDisplay",
]
