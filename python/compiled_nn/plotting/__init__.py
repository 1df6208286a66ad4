"""Pictures drawn with matplotlib, which is imported when the first picture is drawn; pyplot is not used.

Each picture is a class like the displays of scikit-learn. ``from_estimator`` (or ``from_predictions``, ``from_images``,
``from_name``) computes the data of the picture, stores them as attributes and draws them; ``plot(ax)`` draws them
again, on other axes or in another style. `ax_` and `figure_` are the axes and the figure of the last drawing. No
window is opened: ``display.figure_.savefig("picture.png")`` writes a file, and a notebook shows a display that is the
last line of a cell.

An estimator is a :class:`compiled_nn.Network`, or another object with `predict` and optionally `predict_proba` and
`classes_`. All colours can be distinguished by colour-blind readers; text, dashes or markers show the same in gray.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .activations import ActivationDisplay
    from .boundary import DecisionBoundaryDisplay
    from .confusion import ConfusionMatrixDisplay
    from .curves import LossCurveDisplay, ScoreCurveDisplay
    from .dependence import PartialDependenceDisplay
    from .images import ImageGridDisplay, WeightImagesDisplay
    from .importances import PermutationImportanceDisplay
    from .intervals import IntervalDisplay
    from .learning import LearningCurveDisplay
    from .losses import LossFunctionDisplay
    from .precision_recall import PrecisionRecallDisplay
    from .prediction_errors import PredictionErrorDisplay
    from .predictions import PredictionGridDisplay
    from .probabilities import ProbabilityBarsDisplay
    from .reliability import CalibrationDisplay
    from .roc import RocCurveDisplay

__all__ = [
    "ActivationDisplay",
    "CalibrationDisplay",
    "ConfusionMatrixDisplay",
    "DecisionBoundaryDisplay",
    "ImageGridDisplay",
    "IntervalDisplay",
    "LearningCurveDisplay",
    "LossCurveDisplay",
    "LossFunctionDisplay",
    "PartialDependenceDisplay",
    "PermutationImportanceDisplay",
    "PrecisionRecallDisplay",
    "PredictionErrorDisplay",
    "PredictionGridDisplay",
    "ProbabilityBarsDisplay",
    "RocCurveDisplay",
    "ScoreCurveDisplay",
    "WeightImagesDisplay",
]

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        "ActivationDisplay": "activations",
        "DecisionBoundaryDisplay": "boundary",
        "ConfusionMatrixDisplay": "confusion",
        **dict.fromkeys(("LossCurveDisplay", "ScoreCurveDisplay"), "curves"),
        "PartialDependenceDisplay": "dependence",
        **dict.fromkeys(("ImageGridDisplay", "WeightImagesDisplay"), "images"),
        "PermutationImportanceDisplay": "importances",
        "IntervalDisplay": "intervals",
        "LearningCurveDisplay": "learning",
        "LossFunctionDisplay": "losses",
        "PrecisionRecallDisplay": "precision_recall",
        "PredictionErrorDisplay": "prediction_errors",
        "PredictionGridDisplay": "predictions",
        "ProbabilityBarsDisplay": "probabilities",
        "CalibrationDisplay": "reliability",
        "RocCurveDisplay": "roc",
    },
)
