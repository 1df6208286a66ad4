"""Contents of the golden files: small networks, checkpoints and estimators with every part that a file can have."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import compiled_nn as cnn
import numpy as np
from compiled_nn import losses, schedules
from compiled_nn.callbacks import Checkpoint
from golden import data

Dense = cnn.Dense
ROWS = 8  # number of rows to predict
DTYPES = ("float32", "float64")
TABULAR = {"tabular_classifier": cnn.TabularClassifier, "tabular_regressor": cnn.TabularRegressor}


@dataclass(frozen=True)
class Case:
    """Description of a file: `X` and `y` are names of `data`, `fit` has keywords of `trained`."""

    kind: str = "network"
    layers: tuple = (Dense(5, "tanh"), Dense(3))
    options: dict[str, Any] = field(default_factory=dict)
    X: str = "numbers"
    y: str = "three"
    fit: dict[str, Any] = field(default_factory=dict)
    then: str = ""  # name of a method that is called with X and y after training

    def described(self):
        """Return the JSON form of the parameters needed to continue training from the file."""
        return {"kind": self.kind, "X": self.X, "y": self.y, "fit": self.fit}


def network(*layers, X="numbers", y="three", fit=None, then="", **options):
    return Case("network", layers or Case.layers, options, X, y, fit or {}, then)


def ensemble(*layers, **how):
    return replace(network(*layers, **how), kind="ensemble")


def tabular(kind, y, **options):
    options = {"n_members": 2, "max_iter": 3, "random_state": 0, "hidden_layer_sizes": (5,), **options}
    return Case(f"tabular_{kind}", (), options, "table", y)


def checkpoint(*layers, **how):
    return replace(network(*layers, **how), kind="checkpoint")


def estimator(kind, X="numbers", y="three", then="", **options):
    return Case(
        kind, (), {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0, **options}, X, y, {}, then
    )


def make(case, dtype):
    """Return the trained network or estimator of a case."""
    X, y = data.INPUTS[case.X], data.TARGETS[case.y]
    if case.kind in ("classifier", "regressor"):
        kind = cnn.MLPClassifier if case.kind == "classifier" else cnn.MLPRegressor
        options = {name: value for name, value in case.options.items() if name != "metadata"}
        model = kind(dtype=dtype, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", cnn.CompiledNNWarning)  # three epochs do not converge
            model.fit(X, y)
    elif case.kind in TABULAR:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", cnn.CompiledNNWarning)
            model = TABULAR[case.kind](dtype=dtype, **case.options).fit(X, y)
    else:
        options = {name: value for name, value in case.options.items() if name not in ("metadata", "combine")}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", cnn.CompiledNNWarning)  # columns that are left out
            model = cnn.Network(case.layers, dtype=dtype, **{"seed": 0, **options})
            if "ensemble" in case.kind:
                combine = case.options.get("combine", "mean")
                model = cnn.Ensemble(model, n_members=3, combine=combine, seed=0)
            trained(model, X, y, {"epochs": 2, **case.fit})
    if case.then not in ("", "checkpoint"):
        model = getattr(model, case.then)(X, y)
    return model


def trained(net, X, y, how):
    """Call fit with keywords that JSON can represent: "swa" for `averaging`, "weighted" for `sample_weight`.

    A network with `ema` is trained without "swa": the two were combined, without effect, when format 3 was written.
    """
    how = {"batch_size": 8, **how}
    if how.pop("weighted", False):
        how["sample_weight"] = data.WEIGHTS
    swa = how.pop("swa", None)
    averaged = swa is not None and "ema=" not in repr(net)
    if isinstance(net, cnn.Ensemble):
        return net.fit(X, y, **how)
    return net.fit(X, y, averaging=cnn.SWA(swa) if averaged else None, **how)


def write(case, dtype, path):
    """Train the model of a case, and write its file."""
    if case.then == "checkpoint":  # an estimator, whose checkpoints are written by fit
        make(replace(case, options={**case.options, "callbacks": [Checkpoint(path)]}), dtype)
        return
    model = make(case, dtype)
    if case.kind.endswith("checkpoint"):
        model.metadata = case.options.get("metadata", {})
        model.save_checkpoint(path)
    else:
        options = {"mappable": True} if case.kind == "mapped" else {}
        model.save(path, metadata=case.options.get("metadata"), **options)


def read(kind, path):
    """Return the network, checkpoint or estimator in a file of this kind."""
    readers = {
        "network": cnn.load,
        "checkpoint": cnn.load_checkpoint,
        "classifier": cnn.MLPClassifier.load,
        "regressor": cnn.MLPRegressor.load,
        "ensemble": cnn.load,
        "ensemble_checkpoint": cnn.load_checkpoint,
        "mapped": lambda path: cnn.load(path, mmap=True),
        **{name: each.load for name, each in TABULAR.items()},
    }
    return readers[kind](path)


def results(model, described):
    """Return {name: array} of the predictions of a network or an estimator, and its weights after further training."""
    X, y = data.INPUTS[described["X"]], data.TARGETS[described["y"]]
    found = {}
    for method in ("predict", "predict_proba", "predict_distribution", "predict_interval", "predict_set"):
        try:
            result = getattr(model, method)(X[:ROWS])
        except (AttributeError, ValueError):  # not supported by the loss, or not calibrated
            continue
        for i, array in enumerate(result if isinstance(result, tuple) else [result]):
            found[f"{method}.{i}"] = array
    if hasattr(model, "decision_function"):
        found["decision_function.0"] = model.decision_function(X[:ROWS])
    if model.precision_ == "int8":
        pass  # it only predicts
    elif described["kind"] in ("checkpoint", "ensemble", "ensemble_checkpoint"):
        trained(model, X, y, {"epochs": 2, **described["fit"], "warm_start": True})
    elif described["kind"] in TABULAR:
        pass  # they are not trained further
    elif getattr(model, "solver", None) != "lbfgs" and not any(
        getattr(model, name, None) for name in ("early_stopping", "averaging")
    ):
        model.partial_fit(X, y)
    found["trained_on"] = np.concatenate([array.ravel() for array in weights(model)])
    return found


def weights(model):
    """Return weights, biases, and the parameters and statistics of normalised layers, of all members."""
    if hasattr(model, "members_"):
        return [array for member in model.members_ for array in weights(member)]
    if hasattr(model, "coefs_"):
        arrays, net = [*model.coefs_, *model.intercepts_], model.network_
    else:
        arrays, net = [array for pair in model.get_weights() for array in pair if array is not None], model
    return arrays + [norm[name] for norm in net.norms_ if norm is not None for name in sorted(norm)]


def _layers_and_scaling():
    yield "plain", network()
    yield "linear", network(Dense(3))
    yield "no_bias", network(Dense(5, "relu", bias=False), Dense(3, bias=False))
    for i, names in enumerate(
        data.ACTIVATIONS[start : start + 5] for start in range(0, len(data.ACTIVATIONS), 5)
    ):
        hidden = [Dense(4, name, init=cnn.Normal(0.3)) for name in names]
        yield f"activations_{i}", network(*hidden, Dense(3), optimizer=cnn.SGD(0.01))
    yield "own_activation", network(Dense(4, data.own_activation()), Dense(3))
    for norm in ("batch", "layer", "rms"):
        yield (
            f"norm_{norm}",
            network(Dense(5, "relu", norm=norm), Dense(4, "tanh", norm=norm, bias=False), Dense(3)),
        )
    yield "residual", network(Dense(4, "gelu"), Dense(4, "relu", residual=True, norm="layer"), Dense(3))
    yield "dropout", network(Dense(6, "relu", dropout=0.25), Dense(3), input_dropout=0.125)
    yield "frozen", network(Dense(5, "tanh", trainable=False), Dense(4, "selu", rate=0.5), Dense(3))
    inits = ("he_uniform", "glorot_normal", "lecun_normal", "lecun_uniform", "zeros", cnn.Uniform(-0.5, 0.5))
    yield "inits", network(*(Dense(3, "tanh", init=init) for init in inits), Dense(3, init=np.eye(3)))
    for kind in (True, "robust", "minmax"):
        yield f"standardize_{kind}", network(standardize=kind, X="shifted")
    yield "standardize_far", network(standardize=True, X="far")
    yield "standardize_norm", network(Dense(5, "tanh", norm="layer"), Dense(3), standardize=True, X="shifted")
    yield "input_scale", network(input_scale=1 / 255, X="bytes")
    yield "scale_targets", network(Dense(4, "tanh"), Dense(2), loss="mse", y="pairs", scale_targets=True)
    yield "sparse", network(X="sparse")
    yield "table", network(categorical_features="auto", X="table", standardize=True)
    yield "table_rare", network(categorical_features=[1, 3], min_frequency=6, X="table")
    yield "embeddings", network(categorical_features="auto", embeddings=2, X="table", standardize="robust")
    yield (
        "embeddings_some",
        network(categorical_features="auto", embeddings={3: 3}, X="table", min_frequency=4),
    )
    yield "ema", network(Dense(5, "tanh", norm="batch"), Dense(3), ema=0.75)
    yield "swa", network(fit={"epochs": 4, "swa": 2})
    yield "clipped", network(clip_norm=0.5, clip_value=0.25, l1=1e-3, l2=1e-2, fit={"weighted": True})
    yield "temperature", network(then="calibrate")
    yield "sets", network(then="calibrate_intervals")
    yield "intervals", network(Dense(4, "tanh"), Dense(2), loss="mse", y="pairs", then="calibrate_intervals")


def _losses_and_labels():
    def with_loss(loss, units, y, **how):
        return network(Dense(4, "tanh"), Dense(units), loss=loss, y=y, **how)

    for labels in ("small_integers", "floats", "names", "bytes"):
        yield f"labels_{labels}", network(y=labels)
    yield "shares", network(y="shares")
    yield "label_smoothing", network(loss=losses.SoftmaxCrossEntropy(label_smoothing=0.125))
    for labels in ("yes_no", "truth"):
        yield f"binary_{labels}", with_loss("binary_cross_entropy", 1, labels, then="calibrate")
    yield "binary_of_three", with_loss("binary_cross_entropy", 3, "names")
    weighted = losses.BinaryCrossEntropy(pos_weight=(1.0, 2.0, 0.5), label_smoothing=0.25)
    yield "indicator", with_loss(weighted, 3, "indicator", then="calibrate")
    yield "focal", with_loss(losses.Focal(1.5), 3, "three", then="calibrate")
    yield "focal_sigmoid", with_loss(losses.Focal(link="sigmoid"), 1, "yes_no")
    yield "ordinal", with_loss("ordinal", 2, "names", then="calibrate_intervals")
    for loss in ("mse", "squared_error", "mae", "log_cosh"):
        yield loss, with_loss(loss, 1, "values")
    yield "huber", with_loss(losses.Huber(2.5), 2, "pairs")
    yield "poisson", with_loss("poisson", 1, "counts")
    yield "gamma", with_loss("gamma", 1, "positive")
    yield "tweedie", with_loss(losses.Tweedie(1.25), 1, "counts")
    yield "quantile", with_loss(losses.Quantile((0.25, 0.5, 0.75)), 3, "values", then="calibrate_intervals")
    yield (
        "gaussian_nll",
        with_loss("gaussian_nll", 4, "pairs", then="calibrate_intervals", scale_targets=False),
    )


def _checkpoints():
    for i, optimizer in enumerate(OPTIMIZERS):
        yield f"steps_{i}", checkpoint(optimizer=optimizer)
    for i, rate in enumerate(SCHEDULES):
        yield f"schedule_{i}", checkpoint(optimizer=cnn.SGD(rate, momentum=0.5))
    yield (
        "all_parts",
        checkpoint(
            Dense(4, "gelu", norm="batch", dropout=0.25),
            Dense(4, "relu", residual=True, norm="rms", rate=0.5),
            Dense(3),
            standardize=True,
            clip_norm=1.0,
            ema=0.75,
            fit={"weighted": True, "validation_fraction": 0.25, "batch_size": 9},
        ),
    )
    yield "in_order", checkpoint(fit={"shuffle": False, "accumulate": 2})
    yield "averaged", checkpoint(optimizer=cnn.SGD(0.1, 0.5), fit={"swa": 1})
    yield "embedded", checkpoint(categorical_features="auto", embeddings="auto", X="table")
    yield "scaled_values", checkpoint(Dense(4, "tanh"), Dense(1), loss="mse", y="values", scale_targets=True)


OPTIMIZERS = (
    *(cnn.SGD(0.1), cnn.SGD(0.1, momentum=0.75), cnn.SGD(0.1, momentum=0.75, nesterov=True), cnn.Adam(0.01)),
    *(cnn.Adam(0.01, epsilon_hat=True), cnn.Adam(0.01, amsgrad=True), cnn.AdamW(0.01, weight_decay=0.125)),
    *(
        cnn.NAdam(0.01, weight_decay=0.125),
        cnn.RAdam(0.01, beta_2=0.875, weight_decay=0.125),
        cnn.RMSprop(0.01),
    ),
    *(cnn.RMSprop(0.01, momentum=0.5, centered=True), cnn.Adagrad(0.1), cnn.Adadelta()),
    *(cnn.Lion(0.01, weight_decay=0.125), cnn.Rprop(0.01)),
)
SCHEDULES = (
    *(schedules.Step(0.1, 4, 0.5), schedules.MultiStep(0.1, [2, 7], 0.5), schedules.Exponential(0.1, 0.75)),
    *(
        schedules.Linear(0.1, 12),
        schedules.Polynomial(0.1, 12),
        schedules.Cosine(0.1, 5, restarts=True, growth=2),
    ),
    *(schedules.WarmUp(schedules.Step(0.1, 1, 0.5, per="epoch"), 2), schedules.OneCycle(0.1, 16)),
    schedules.InverseScaling(0.1, 0.25),
)


def _estimators():
    yield "plain", estimator("classifier")
    yield "names", estimator("classifier", y="names", class_weight="balanced", standardize=True)
    yield "truth", estimator("classifier", y="truth", solver="sgd", learning_rate="adaptive", dropout=0.25)
    yield "indicator", estimator("classifier", y="indicator", ema=0.75)
    yield (
        "blocks",
        estimator("classifier", hidden_layer_sizes=(4, 4), norm="batch", residual=True, use_bias=False),
    )
    yield (
        "stopped",
        estimator(
            "classifier", early_stopping=True, validation_fraction=0.25, metrics=("balanced_accuracy",)
        ),
    )
    yield (
        "table",
        estimator("classifier", X="table", y="yes_no", categorical_features="auto", then="calibrate"),
    )
    yield "regressor", estimator("regressor", y="values", scale_targets=True, then="calibrate_intervals")
    yield (
        "regressor_pairs",
        estimator("regressor", y="pairs", solver="sgd", learning_rate="invscaling", init="lecun_normal"),
    )
    yield "regressor_quantile", estimator("regressor", y="values", loss="quantile")
    yield "regressor_normal", estimator("regressor", y="values", loss="gaussian_nll", standardize="robust")
    yield "lbfgs", estimator("classifier", solver="lbfgs")
    yield "regressor_lbfgs", estimator("regressor", y="pairs", solver="lbfgs", alpha=1.0)


def _with_format4():
    """Yield the networks, checkpoints and estimators that need format 4, or the second one of estimators."""
    yield "network-columns", network(X="named")
    yield "network-images", network(X="images", standardize=True)
    yield "network-metadata", network(metadata={"unit": "mm", "deep": [None, {"é": 1.5}]})
    yield (
        "network-far_values",
        network(Dense(4, "tanh"), Dense(1), loss="mse", y="far_values", scale_targets=True),
    )
    yield (
        "checkpoint-columns",
        checkpoint(Dense(4, "relu", norm="batch"), Dense(3), X="named", metadata={"a": 1}),
    )
    yield "estimator-columns", estimator("classifier", X="named", y="names", metadata={"a": 1})
    yield "estimator-one_class", estimator("classifier", y="one")
    yield "estimator-averaged", estimator("classifier", averaging=cnn.SWA(1), early_stopping=False)
    yield (
        "estimator-stopped",
        estimator("regressor", y="values", early_stopping=True, validation_fraction=0.25, scale_targets=True),
    )
    yield (
        "estimator-objects",
        estimator(
            "regressor",
            y="values",
            optimizer=cnn.AdamW(schedules.Cosine(0.1, 5)),
            init=cnn.Normal(0.25),
            loss=cnn.losses.Huber(0.5),
        ),
    )
    yield "estimator-far_values", estimator("regressor", y="far_values", scale_targets=True, standardize=True)
    yield "estimator-lbfgs", estimator("classifier", X="images", solver="lbfgs")
    yield "estimator-in_training", replace(estimator("classifier", X="named"), then="checkpoint")


def _with_options():
    """Yield models with parameters that no file of the other archives has."""
    for X in ("shifted", "table"):
        options = {"categorical_features": "auto"} if X == "table" else {}
        yield f"network-smooth_clip_{X}", network(standardize="robust_smooth_clip", X=X, **options)
    inits = ("ones", "he_normal", cnn.Constant(0.25), ("glorot_uniform", cnn.Constant(0.125)))
    yield "network-constant_inits", network(*(Dense(3, "tanh", init=init) for init in inits), Dense(3))
    yield "network-proximal", network(optimizer=cnn.SGD(0.1), l1=0.02, proximal=True)
    for name in ("softplus", "tanh"):
        yield f"network-last_{name}", network(Dense(4, "relu"), Dense(1, name), loss="mse", y="values")
    yield (
        "network-focal_indicator",
        network(loss=losses.Focal(2.0, link="sigmoid"), y="indicator", then="calibrate"),
    )
    yield (
        "checkpoint-smooth_clip",
        checkpoint(
            Dense(5, "tanh", norm="rms"),
            Dense(3),
            standardize="robust_smooth_clip",
            X="shifted",
            fit={"swa": 1},
        ),
    )
    yield "checkpoint-ema_table", checkpoint(categorical_features="auto", embeddings=2, X="table", ema=0.75)
    yield "checkpoint-images", checkpoint(X="images", optimizer=cnn.Rprop(0.01), metadata={"n": [1, 2.5]})
    yield "estimator-stream", estimator("classifier", y="names", then="partial_fit")
    yield "estimator-stream_of_values", estimator("regressor", y="pairs", solver="sgd", then="partial_fit")
    yield "estimator-sets", estimator("classifier", y="yes_no", then="calibrate_intervals")
    yield (
        "estimator-ordinal",
        estimator("classifier", y="three", loss="ordinal", class_weight={0: 2.0, 1: 0.5, 2: 1.0}),
    )
    yield (
        "estimator-smoothed",
        estimator("classifier", y="bytes", label_smoothing=0.125, l1=1e-3, shuffle=False),
    )
    yield (
        "estimator-embeddings",
        estimator("classifier", X="table", categorical_features=[1, 3], embeddings={3: 2}, min_frequency=4),
    )
    yield (
        "estimator-counts",
        estimator("regressor", y="counts", loss="poisson", n_iter_no_change=float("inf")),
    )
    yield (
        "estimator-last_softplus",
        estimator("regressor", y="positive", loss="mse", output_activation="softplus"),
    )
    yield (
        "estimator-intervals",
        estimator("regressor", y="values", loss=losses.Quantile((0.25, 0.75)), then="calibrate_intervals"),
    )
    yield (
        "estimator-monitored",
        estimator(
            "classifier",
            early_stopping=True,
            validation_fraction=0.25,
            metrics=("f1_macro",),
            monitor="val_f1_macro",
            min_delta=0.01,
            restore_best=False,
            learning_rate_init=0.05,
        ),
    )
    for i, optimizer in enumerate(
        ("lion", "adagrad", *(each for each in OPTIMIZERS if not isinstance(each, cnn.Adam)))
    ):
        yield (
            f"estimator-optimizer_{i}",
            estimator("regressor", y="values", optimizer=optimizer, hidden_layer_sizes=(3,)),
        )
    yield (
        "estimator-schedule",
        estimator("classifier", schedule=schedules.OneCycle(0.1, 16), dropout=[0.25], accumulate=2),
    )


def _with_members():
    """Yield models with members, bins, dates and periodic encodings, cards, and tensors for mapping."""
    hidden = Dense(4, "tanh")
    yield (
        "network-bins",
        network(
            numeric_embeddings=cnn.PiecewiseLinear(bins=4), standardize="standard_smooth_clip", X="shifted"
        ),
    )
    yield (
        "network-bins_table",
        network(categorical_features="auto", numeric_embeddings="piecewise_linear", X="table"),
    )
    yield (
        "network-periodic",
        network(numeric_embeddings=cnn.Periodic(n_frequencies=2), standardize=True, X="shifted"),
    )
    types = {0: "number", 1: "date", 2: "category"}
    yield (
        "network-dates",
        network(categorical_features="auto", column_types=types, standardize=True, X="dates"),
    )
    card = {
        "description": "Three classes.",
        "authors": ["A", "B"],
        "date": "2026-11-28",
        "metrics": {"test": {"accuracy": 0.5}},
        "trained_on": {"rows": 36},
        "licence": "MIT",
    }
    yield "network-card", network(metadata=card, fit={"validation_fraction": 0.25})
    yield "mapped-standardized", replace(network(standardize=True, X="shifted"), kind="mapped")
    yield "mapped-batch_norm", replace(network(Dense(5, "relu", norm="batch"), Dense(3)), kind="mapped")
    yield "ensemble-mean", ensemble(y="names", standardize=True, then="calibrate_intervals")
    yield (
        "ensemble-greedy_table",
        ensemble(
            hidden, Dense(3), categorical_features="auto", X="table", combine="greedy", metadata={"a": 1}
        ),
    )
    yield (
        "ensemble-values",
        ensemble(hidden, Dense(1), loss="mse", y="values", scale_targets=True, fit={"validation": "folds"}),
    )
    yield "ensemble-bins", ensemble(hidden, Dense(3), numeric_embeddings=cnn.PiecewiseLinear(bins=3))
    yield "ensemble-checkpoint", replace(ensemble(Dense(3), ema=0.75), kind="ensemble_checkpoint")
    yield "tabular-classes", tabular("classifier", "names")
    yield "tabular-values", tabular("regressor", "values")
    yield (
        "estimator-bins",
        estimator("classifier", numeric_embeddings="piecewise_linear", standardize="robust_smooth_clip"),
    )


def _with_narrow_precisions():
    narrow = {"precision": "bfloat16"}
    yield "bfloat16-network", network(Dense(20, "tanh"), Dense(3), standardize=True, X="shifted", **narrow)
    yield "bfloat16-checkpoint", checkpoint(optimizer=cnn.Adam(0.01), **narrow)
    yield "bfloat16-ensemble", ensemble(**narrow)
    yield "bfloat16-classifier", estimator("classifier", **narrow)
    yield "int8-network", network(then="quantize")
    yield "int8-linear", network(Dense(3), then="quantize")
    yield "int8-far", network(standardize=True, X="far", then="quantize")
    normed = Dense(5, "relu", norm="batch"), Dense(5, "gelu", norm="layer", residual=True), Dense(3)
    yield "int8-norms", network(*normed, then="quantize")
    yield "int8-table", network(categorical_features="auto", embeddings=2, X="table", then="quantize")
    bins = {"standardize": "robust_smooth_clip", "numeric_embeddings": "piecewise_linear"}
    yield "int8-bins", network(**bins, then="quantize")
    pairs = {"loss": "mse", "y": "pairs", "scale_targets": True}
    yield "int8-values", network(Dense(4, "tanh"), Dense(2), then="quantize", **pairs)
    yield "int8-ensemble", ensemble(then="quantize", combine="greedy")
    yield "int8-classifier", estimator("classifier", then="quantize")
    yield "int8-tabular", replace(tabular("regressor", "values"), then="quantize")


def cases(archive):
    """Return {name: (Case, dtype)} of the files of an archive: of "format4" those with what is new in it."""
    parts = {
        "network": itertools.chain(_layers_and_scaling(), _losses_and_labels()),
        "checkpoint": _checkpoints(),
        "estimator": _estimators(),
    }
    if archive == "narrow":
        return {f"{name}-float32": (case, "float32") for name, case in _with_narrow_precisions()}
    if archive == "options":
        return {f"{name}-{dtype}": (case, dtype) for name, case in _with_options() for dtype in DTYPES}
    if archive == "members":
        return {
            f"{name}-{dtype}": (case, dtype)
            for name, case in _with_members()
            for dtype in (DTYPES if name.startswith(("network", "estimator")) else DTYPES[:1])
        }
    if archive == "format4":
        return {f"{name}-{dtype}": (case, dtype) for name, case in _with_format4() for dtype in DTYPES}
    return {
        f"{part}-{name}-{dtype}": (case, dtype)
        for part, named in parts.items()
        for name, case in named
        for dtype in DTYPES
    }
