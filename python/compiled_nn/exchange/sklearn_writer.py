"""Conversion of a network to scikit-learn's MLPClassifier or MLPRegressor, behind a scaler if it standardises."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..artefact import folding
from ..common import optional
from ..data.arrays import Array
from ..preprocessing.standardization import Statistics
from . import verification
from .description import describe

if TYPE_CHECKING:
    from ..artefact.parts import Parts
    from ..artefact.predictor import Predictor
    from ..spec.initializers import Pair
    from ..training.weights import LayerState

_HIDDEN = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}
_SCALERS = {
    "standard": ("StandardScaler", "mean_"),
    "robust": ("RobustScaler", "center_"),
    "minmax": ("MinMaxScaler", "data_min_"),
}


@dataclass(frozen=True, eq=False)
class Training:
    """Training of an estimator, which scikit-learn's continues.

    Attributes
    ----------
    parameters : dict
        Parameters of scikit-learn's class.
    results : dict
        Fitted attributes of scikit-learn's class that describe the training.
    optimizer : dict or None
        State of the optimizer in the form of ``Network.snapshot()["optimizer"]``; None to start with moments of zero.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] | None = None


def to_sklearn(parts: Parts, predictor: Predictor, training: Callable[[], Training] | None = None) -> Any:
    """Return a fitted estimator of scikit-learn; documented at ``Network.to_sklearn``."""
    sklearn = optional.load("sklearn", purpose="to_sklearn", library="scikit-learn", extra="sklearn")
    activation = _check(parts)
    pairs, is_unfolded = _pairs(parts)
    continued = Training({"alpha": 0.0}) if training is None else training()
    mlp = _estimator(parts, pairs, activation, continued, is_unfolded)
    scaler = _scaler(parts)
    _set_names(mlp if scaler is None else scaler, parts)
    result = mlp
    if scaler is not None:
        from sklearn.pipeline import make_pipeline

        result = make_pipeline(scaler, mlp)
    description = describe(predictor, parts.statistics)
    probe = verification.probe_rows(description, predictor)
    verified = verification.check(
        verification.answers(description, predictor, probe.X),
        answers_of(result, probe.X.astype(np.float64)),
        description.dtype,
        f"scikit-learn {sklearn.__version__}",
        what=type(mlp).__name__,
    )
    result.conversion_ = {"from": "compiled_nn", **verified.to_config()}
    return result


def answers_of(estimator: Any, X: Array) -> dict[str, Array]:
    """Return the predictions of scikit-learn, without its warning about rows without names of columns."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
        if not hasattr(estimator, "predict_proba"):
            return {"values": estimator.predict(X).reshape(len(X), -1)}
        is_certain = len(estimator.classes_) == 1
        probabilities = np.ones((len(X), 1)) if is_certain else estimator.predict_proba(X)
        return {"label": estimator.predict(X), "probabilities": probabilities}


# ---- what scikit-learn can express


def _check(parts: Parts) -> str:
    """Return scikit-learn's name of the activation of the hidden layers; ValueError for what it cannot express."""
    c, loss, owner = parts.configuration, parts.outputs.loss, "scikit-learn's multilayer perceptron"
    classifies = loss.classifies and loss.link in ("softmax", "sigmoid") and not loss.ordered
    values = not loss.classifies and loss.link in ("identity", "exp")
    plain = loss.n_columns(parts.outputs.n_outputs) == parts.outputs.n_outputs and loss.name != "quantile"
    hidden = sorted({str(layer.activation or "identity") for layer in c.layers[:-1]})
    foreign = [name for name in hidden if name not in _HIDDEN]
    targets = parts.outputs.targets
    found = [
        (parts.inputs.encoder is not None, "an encoder of categories and dates"),
        (parts.inputs.n_bins > 0 or c.numeric_embeddings is not None, "numeric_embeddings"),
        (parts.inputs.n_clipped > 0, f"the clip of standardize={c.scaling!r}"),
        (any(layer.norm in ("layer", "rms") for layer in c.layers), "normalisation over the units of a row"),
        (any(layer.residual for layer in c.layers), "residual layers"),
        (not ((classifies or values) and plain), f"the loss {loss.name!r}"),
        (c.activated, f"the activation {c.activation_names[-1]!r} of the last layer"),
        (bool(foreign), f"the activation {foreign[0]!r}" if foreign else ""),
        (len(hidden) > 1, f"several activations ({', '.join(hidden)})"),
        (_has_decimals(targets.classes), "labels that are decimal numbers"),
        (targets.has_one_class, "a single class"),
    ]
    for is_there, what in found:
        if is_there:
            raise ValueError(
                f"{owner[0].upper()}{owner[1:]} cannot express {what}. The estimators of this library work in"
                " scikit-learn's pipelines as they are."
            )
    return _HIDDEN[hidden[0]] if hidden else "identity"


def _has_decimals(classes: Array | None) -> bool:
    """Return whether labels are numbers that are not whole, which scikit-learn takes for values."""
    return classes is not None and classes.dtype.kind == "f" and bool((classes != np.rint(classes)).any())


# ---- weights


def _pairs(parts: Parts) -> tuple[list[Pair], bool]:
    """Return W and b of each layer, and whether they are the trained ones, with nothing included."""
    c = parts.configuration
    pairs: list[Pair] = [_plain(layer) for layer in parts.layers]
    is_unfolded = not any("norm" in layer for layer in parts.layers)
    if c.scale != 1:
        W, b = pairs[0]
        pairs[0], is_unfolded = (W.astype(np.float64) * c.scale, b), False
    temperature, scaling = parts.outputs.calibration.temperature, parts.outputs.scaling
    W, b = pairs[-1]
    if temperature != 1:
        W, b = W.astype(np.float64) / temperature, None if b is None else b.astype(np.float64) / temperature
    if scaling is not None:
        factor, shift = parts.outputs.loss.in_units(*scaling)
        exact = W.astype(np.float64), None if b is None else b.astype(np.float64)
        W, b = folding.unscaled(exact, factor, shift)
    if parts.outputs.loss.link == "softmax" and W.shape[1] == 2:  # one output for two classes
        W = np.ascontiguousarray(W[:, 1:].astype(np.float64) - W[:, :1])
        b = None if b is None else b[1:].astype(np.float64) - b[:1]
    is_unfolded &= W.dtype == pairs[-1][0].dtype and W.shape == pairs[-1][0].shape and scaling is None
    return [*pairs[:-1], (W, b)], is_unfolded and temperature == 1


def _plain(layer: LayerState) -> Pair:
    """Return copies of W and b of a layer, which include batch normalisation."""
    W, b = np.array(layer["weight"], order="C"), layer.get("bias")
    norm = layer.get("norm")
    if norm is None:
        return W, None if b is None else np.array(b)
    return folding.normalised((W, b), norm["gain"], Statistics(norm["mean"], norm["variance"]))


# ---- estimators of scikit-learn


def _estimator(
    parts: Parts, pairs: list[Pair], activation: str, training: Training, is_unfolded: bool
) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import LabelBinarizer

    loss, targets = parts.outputs.loss, parts.outputs.targets
    parameters = training.parameters | {
        "hidden_layer_sizes": tuple(layer.units for layer in parts.configuration.layers[:-1]),
        "activation": activation,
    }
    if loss.classifies:
        mlp: Any = MLPClassifier(**parameters)
        classes: Any = targets.classes
        several = targets.kind == "indicator"
        shown = np.stack([np.zeros(len(classes), int), np.ones(len(classes), int)]) if several else classes
        mlp._label_binarizer = LabelBinarizer().fit(shown)
        mlp.classes_ = mlp._label_binarizer.classes_
        out = "softmax" if not several and len(classes) > 2 else "logistic"
    else:
        poisson = loss.link == "exp"
        mlp = MLPRegressor(loss="poisson" if poisson else "squared_error", **parameters)
        out = "exp" if poisson else "identity"
    mlp.coefs_ = [W for W, _ in pairs]
    mlp.intercepts_ = [np.zeros(W.shape[1], W.dtype) if b is None else b for W, b in pairs]
    mlp.n_features_in_ = len(pairs[0][0])
    mlp.n_layers_, mlp.n_outputs_, mlp.out_activation_ = len(pairs) + 1, pairs[-1][0].shape[1], out
    mlp._random_state = np.random.RandomState()  # replaced by each fit and partial_fit
    results = {"n_iter_": 0, "t_": 0, "loss_": np.nan, "loss_curve_": [], "best_loss_": np.inf}
    results |= {"validation_scores_": None, "best_validation_score_": None, "_no_improvement_count": 0}
    for name, value in (results | training.results).items():
        setattr(mlp, name, value)
    mlp._best_coefs, mlp._best_intercepts = (
        [array.copy() for array in each] for each in (mlp.coefs_, mlp.intercepts_)
    )
    if training.optimizer is not None and is_unfolded:
        _set_optimizer(mlp, training.optimizer)
    return mlp


def _set_optimizer(mlp: Any, state: dict[str, Any]) -> None:
    """Give scikit-learn's estimator an optimizer with the moments of the network."""
    from sklearn.neural_network import _stochastic_optimizers as optimizers

    moments = [
        [layer["weight"] for layer in moment]
        + [
            layer.get("bias", np.zeros(W.shape[1], W.dtype))
            for layer, W in zip(moment, mlp.coefs_, strict=True)
        ]
        for moment in state["moments"]
    ]
    params = mlp.coefs_ + mlp.intercepts_
    optimizer: Any
    if mlp.solver == "adam":
        optimizer = optimizers.AdamOptimizer(
            params, mlp.learning_rate_init, mlp.beta_1, mlp.beta_2, mlp.epsilon
        )
        optimizer.t, optimizer.ms, optimizer.vs = state["step"], *moments
    else:
        optimizer = optimizers.SGDOptimizer(
            params,
            mlp.learning_rate_init,
            mlp.learning_rate,
            mlp.momentum,
            mlp.nesterovs_momentum,
            mlp.power_t,
        )
        optimizer.learning_rate = state["learning_rate"]
        if moments:
            optimizer.velocities = moments[0]
    mlp._optimizer = optimizer


def _scaler(parts: Parts) -> Any:
    """Return a fitted scaler of scikit-learn; None if the network does not standardise."""
    if parts.statistics is None:
        return None
    from sklearn import preprocessing

    centre, scale = Statistics(*(np.array(each, np.float64) for each in parts.statistics))
    kind, name = _SCALERS[str(parts.configuration.scaling)]
    scaler: Any = getattr(preprocessing, kind)()
    setattr(scaler, name, centre)
    scaler.scale_, scaler.n_features_in_ = scale, len(centre)
    if kind == "StandardScaler":
        scaler.var_, scaler.n_samples_seen_ = scale**2, 1
    elif kind == "MinMaxScaler":
        scaler.data_range_, scaler.data_max_, scaler.scale_ = scale, centre + scale, 1 / scale
        scaler.min_, scaler.n_samples_seen_ = -centre / scale, 1
    return scaler


def _set_names(first: Any, parts: Parts) -> None:
    names = parts.inputs.names
    if names is not None:
        first.feature_names_in_ = np.array(names, dtype=object)
