"""Properties that hold for any table, model, entrance and way to store the model; hypothesis draws them."""

from __future__ import annotations

import copy
import io
import pickle
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import metrics
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pandas = pytest.importorskip("pandas")

LIBRARIES = ("pandas", "polars", "pyarrow")
NAMES = ["age", "Zip code", "income", "42", "ü"]
EXAMPLES = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@dataclass(frozen=True)
class Case:
    """A table, a target, a model and the entrance through which it is trained."""

    entrance: str
    library: str
    n_rows: int
    n_numbers: int
    category: bool
    missing: bool
    target: str
    level: float
    loss: str
    dtype: str
    standardize: bool | str
    scale_targets: bool
    norm: str | None
    weighted: bool
    seed: int

    @property
    def classifies(self) -> bool:
        """Whether the model predicts labels."""
        return self.target in ("two classes", "three classes")

    @property
    def n_outputs(self) -> int:
        """Number of units of the last layer."""
        if self.loss == "focal" and self.target == "two classes":
            return 2
        return {"three classes": 3, "two values": 2}.get(self.target, 1)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a case in which every part agrees with the others."""
    entrance = draw(st.sampled_from(["Network", "partial_fit", "stream", "MLPClassifier", "MLPRegressor"]))
    values = ["value", "two values"]
    classes = ["two classes", "three classes"]
    targets = {"MLPClassifier": classes, "MLPRegressor": values}.get(entrance, classes + values)
    target = draw(st.sampled_from(targets))
    # A stream is read more than once: scaling and encoding are not learned from batches that come one by one.
    memory = entrance in ("Network", "MLPClassifier", "MLPRegressor")
    category = memory and draw(st.booleans())
    scale_targets = memory and target in values and draw(st.booleans())
    losses = ["mse", "mae", "huber"] if target in values else ["cross entropy", "focal"]
    return Case(
        entrance=entrance,
        library=draw(st.sampled_from(LIBRARIES)),
        n_rows=draw(st.integers(30, 45)),
        n_numbers=draw(st.integers(2, 4)),
        category=category,
        missing=category and draw(st.booleans()),
        target=target,
        level=draw(st.sampled_from([0.0, 1e4, 1e9] if scale_targets else [0.0])),
        loss=draw(st.sampled_from(losses)),
        dtype=draw(st.sampled_from(["float32", "float64"])),
        standardize=memory and draw(st.sampled_from([False, True, "robust", "minmax"])),
        scale_targets=scale_targets,
        norm=draw(st.sampled_from([None, "batch", "layer"])),
        weighted=draw(st.booleans()),
        seed=draw(st.integers(0, 2**16)),
    )


def table(case: Case, columns: dict[str, Any], order: list[str] | None = None) -> Any:
    """Return a table of the library of the case with its columns in the given order."""
    chosen = {name: columns[name] for name in order or columns}
    if case.library == "pandas":
        return pandas.DataFrame(chosen)
    library = pytest.importorskip(case.library)
    return library.DataFrame(chosen) if case.library == "polars" else library.table(chosen)


def data(case: Case) -> tuple[dict[str, Any], Any, Any]:
    """Return the columns, the target and the weights of a case."""
    rng = np.random.default_rng(case.seed)
    columns: dict[str, Any] = {}
    for name in NAMES[: case.n_numbers]:
        columns[name] = rng.normal(rng.normal(scale=10), 2, case.n_rows)
    signal = columns[NAMES[0]] - columns[NAMES[1]]
    if case.missing:
        columns[NAMES[1]][rng.random(case.n_rows) < 0.2] = np.nan
    if case.category:
        columns["town"] = rng.choice(["Oslo", "Rome", "7"], case.n_rows).tolist()
    if case.target == "two classes":
        y: Any = np.where(signal > np.median(signal), "yes", "no")
    elif case.target == "three classes":
        y = np.digitize(signal, np.quantile(signal, [0.3, 0.7]))
    else:
        y = case.level + (signal if case.target == "value" else np.stack([signal, -2 * signal], axis=1))
    weights = rng.integers(1, 4, case.n_rows).astype(float) if case.weighted else None
    return columns, y, weights


def loss_of(case: Case) -> str:
    """Return the name of the loss of a network."""
    if case.loss == "cross entropy":
        return "binary_cross_entropy" if case.target == "two classes" else "softmax_cross_entropy"
    return case.loss


def fitted(case: Case, X: Any, y: Any, weights: Any) -> Any:
    """Return the trained model of a case."""
    options: dict[str, Any] = {"dtype": case.dtype, "standardize": case.standardize}
    if case.category:
        options["categorical_features"] = ["town"]
    if case.scale_targets:
        options["scale_targets"] = True
    if case.entrance.startswith("MLP"):
        options |= {"max_iter": 3, "hidden_layer_sizes": (6,), "norm": case.norm, "random_state": case.seed}
        if case.loss in ("focal", "mae", "huber"):
            options["loss"] = case.loss
        return getattr(cnn, case.entrance)(**options).fit(X, y, sample_weight=weights)
    layers = [cnn.Dense(6, "relu", norm=case.norm), cnn.Dense(case.n_outputs)]
    net = cnn.Network(layers, loss=loss_of(case), seed=case.seed, **options)
    if case.entrance == "partial_fit":
        known = {"classes": np.unique(y)} if case.classifies else {}
        return net.partial_fit(X, y, sample_weight=weights, **known)
    if case.entrance == "stream":
        known = {"classes": np.unique(y)} if case.classifies else {}
        batch = (X, y) if weights is None else (X, y, weights)
        return net.fit([batch, batch], epochs=2, **known)
    return net.fit(X, y, epochs=3, sample_weight=weights)


def answers(case: Case, model: Any, X: Any) -> list[Any]:
    """Return the predictions of a model, and the probabilities of a classifier."""
    results = [model.predict(X)]
    if case.classifies:
        results.append(model.predict_proba(X))
    return results


def assert_same(case: Case, model: Any, other: Any, X: Any) -> None:
    """Assert that two models give the same bits for X."""
    for expected, found in zip(answers(case, model, X), answers(case, other, X), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


@EXAMPLES
@given(case=cases(), data_source=st.data())
def test_columns_are_matched_by_name_or_refused(case: Case, data_source: st.DataObject) -> None:
    columns, y, weights = data(case)
    X = table(case, columns)
    model = fitted(case, X, y, weights)
    order = data_source.draw(st.permutations(list(columns)))
    permuted = table(case, columns, order)
    assert list(model.feature_names_in_) == list(columns)
    if order != list(columns) and case.entrance.startswith("MLP") and not case.category:
        with pytest.raises(ValueError, match="Feature names must be in the same order"):
            model.predict(permuted)
    else:
        for expected, found in zip(answers(case, model, X), answers(case, model, permuted), strict=True):
            np.testing.assert_array_equal(found, expected)
    renamed = table(case, {f"{name}!" if name == order[0] else name: columns[name] for name in columns})
    with pytest.raises(ValueError, match=f"feature names.*(?s:.*){order[0]}"):
        model.predict(renamed)


@EXAMPLES
@given(case=cases())
def test_score_is_the_metric_of_the_predictions(case: Case) -> None:
    columns, y, weights = data(case)
    X = table(case, columns)
    model = fitted(case, X, y, weights)
    predicted = model.predict(X)
    if case.classifies:
        expected = metrics.accuracy(y, predicted, sample_weight=weights)
    else:
        expected = metrics.r2_score(y, predicted, sample_weight=weights)
        assert predicted.dtype == np.float64
    # Sums of the rows in another order may differ in the last digits of float64.
    assert model.score(X, y, sample_weight=weights) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@EXAMPLES
@given(case=cases(), n_alone=st.integers(1, 3))
def test_rows_are_predicted_alone_as_in_a_batch(case: Case, n_alone: int) -> None:
    columns, y, weights = data(case)
    model = fitted(case, table(case, columns), y, weights)
    few = {name: column[:n_alone] for name, column in columns.items()}
    for whole, part in zip(
        answers(case, model, table(case, columns)), answers(case, model, table(case, few)), strict=True
    ):
        np.testing.assert_array_equal(part, whole[:n_alone])


@EXAMPLES
@given(case=cases(), way=st.sampled_from(["path", "bytes", "pickle", "copy", "checkpoint", "network"]))
def test_stored_models_predict_the_same(case: Case, way: str) -> None:
    columns, y, weights = data(case)
    X = table(case, columns)
    model = fitted(case, X, y, weights)
    estimator = case.entrance.startswith("MLP")
    read = type(model).load if estimator else cnn.load
    if way == "pickle":
        assert_same(case, model, pickle.loads(pickle.dumps(model)), X)
    elif way == "copy":
        assert_same(case, model, copy.deepcopy(model), X)
    elif way == "bytes":
        file = io.BytesIO()
        model.save(file)
        assert_same(case, model, read(file.getvalue()), X)
    elif way == "checkpoint" and not estimator:
        file = io.BytesIO()
        model.save_checkpoint(file)
        assert_same(case, model, cnn.load_checkpoint(file.getvalue()), X)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.safetensors")
            model.save(path)
            assert_same(case, model, read(path), X)
            loaded = cnn.load(path)  # an estimator's file is also that of a network
        assert_same(case, model, loaded, X)
        permuted = table(case, columns, list(columns)[::-1])
        np.testing.assert_array_equal(loaded.predict(permuted), model.predict(X))


@EXAMPLES
@given(case=cases())
def test_plain_weights_predict_the_same_or_are_refused(case: Case) -> None:
    columns, y, weights = data(case)
    X = table(case, columns)
    model = fitted(case, X, y, weights)
    shape = [{"nodes": 6, "activation": "relu"}]
    last = "identity" if not case.classifies else "sigmoid" if case.target == "two classes" else "softmax"
    if case.loss == "focal":
        last = "softmax"
    shape.append({"nodes": case.n_outputs, "activation": last})
    if case.norm is not None:
        with pytest.raises(ValueError, match="norm"):
            model.to_dict()
        return
    try:
        plain = model.to_dict()
    except ValueError:  # an encoder, or a level that the dtype of the weights cannot hold
        assert case.category or case.level
        return
    net = cnn.Network.from_dict(plain, shape)
    outputs = net.predict_proba if case.classifies else net.predict
    expected = (model.predict_proba if case.classifies else model.predict)(X)
    found = outputs(np.stack(list(columns.values()), axis=1))
    spread = 1.0 if case.classifies else float(np.std(y, axis=0).max())
    # float32: the scaling of columns up to ten deviations from 0 is folded into weights of 24 bits.
    tolerance = 1e-4 if case.dtype == "float32" else 1e-9
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * spread)
