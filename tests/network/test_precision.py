"""Narrow precisions: products of bfloat16, quantisation to int8, and the report of the loss of accuracy."""

import copy
import io
import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.artefact.precision_report import PrecisionReport, deviations_of
from small import X, classifier, fitted, regressor

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(300, 6)).astype("float32")
LABELS = (ROWS @ rng.normal(size=(6, 3)) + rng.normal(size=(300, 3))).argmax(axis=1)
VALUES = ROWS[:, 0] * 2 - ROWS[:, 1]
TABLE = {
    "size": np.where(rng.uniform(size=300) < 0.1, np.nan, rng.normal(1000, 1, 300)),
    "kind": rng.choice(["a", "b", "c"], 300),
    "age": rng.normal(0, 3, 300),
}
PRICE = TABLE["age"] + 4 * (TABLE["kind"] == "a")


def rounded(a):
    """Return float32 numbers rounded to bfloat16, to nearest with ties to even."""
    bits = np.ascontiguousarray(a, np.float32).view(np.uint32)
    kept = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return kept.astype(np.uint32).view(np.float32)


def narrow_outputs(net, rows):
    """Return the outputs before the link with operands of bfloat16, in float64."""
    a = rows
    *hidden, last = net.get_weights()
    for W, b in hidden:
        a = np.tanh(rounded(a).astype(np.float64) @ rounded(W) + b).astype(np.float32)
    return rounded(a).astype(np.float64) @ rounded(last[0]) + last[1]


def int8_outputs(net, rows, calibration):
    """Return the outputs before the link of a network quantised with calibration rows, in float64."""
    a, known = rows.astype(np.float64), calibration.astype(np.float64)
    weights = net.get_weights()
    for i, (W, b) in enumerate(weights):
        axis = 0 if i == 0 else None
        low, high = known.min(axis=axis), known.max(axis=axis)
        factor = np.broadcast_to(255 / (high - low), len(W))
        q = np.clip(np.rint((a - low) * factor), 0, 255)
        scaled = W / factor[:, np.newaxis]
        scale = np.abs(scaled).max(axis=0) / 127
        z = scale * ((q + low * factor) @ np.rint(scaled / scale)) + b
        a, known = np.tanh(z), np.tanh(known @ W + b)
    return z


# ---- bfloat16


@pytest.mark.parametrize("n_threads", [1, 2])
def test_predictions_are_those_of_rounded_operands(n_threads):
    net = classifier(hidden=40, precision="bfloat16", n_threads=n_threads).fit(ROWS, LABELS, epochs=3)
    expected = narrow_outputs(net, ROWS)
    # A hidden output at the border of two numbers of bfloat16 can be rounded to the other one.
    assert np.abs(net.decision_function(ROWS) - expected).max() < 0.02
    assert np.median(np.abs(net.decision_function(ROWS) - expected)) < 1e-5
    assert (net.decision_function(ROWS[:1]) == net.decision_function(ROWS)[:1]).all()


def test_training_differs_from_float32_and_is_as_good():
    narrow = classifier(precision="bfloat16").fit(ROWS, LABELS, epochs=20)
    exact = classifier().fit(ROWS, LABELS, epochs=20)
    assert narrow.get_weights()[0][0].tobytes() != exact.get_weights()[0][0].tobytes()
    assert narrow.get_weights()[0][0].dtype == np.float32
    assert narrow.score(ROWS, LABELS) == pytest.approx(exact.score(ROWS, LABELS), abs=0.03)
    assert narrow.precision_ == "bfloat16"
    assert "precision='bfloat16'" in repr(narrow)
    assert "bfloat16" in str(narrow.summary())
    assert "bfloat16" in narrow._repr_html_()


def test_threads_do_not_change_the_weights():
    one, two = (classifier(precision="bfloat16", hidden=64, n_threads=n) for n in (1, 2))
    assert one.fit(ROWS, LABELS, epochs=2).fingerprint() == two.fit(ROWS, LABELS, epochs=2).fingerprint()


def test_what_refuses_bfloat16():
    with pytest.raises(ValueError, match="is for networks of dtype 'float32'"):
        classifier(precision="bfloat16", dtype="float64")
    with pytest.raises(ValueError, match="precision"):
        classifier(precision="float16")
    net = classifier(precision="bfloat16", optimizer="lbfgs")
    with pytest.raises(ValueError, match="is not for the optimizer LBFGS"):
        net.fit(ROWS, LABELS)
    with pytest.raises(AttributeError, match="cannot be assigned"):
        net.precision = "float32"
    sgd = classifier(precision="bfloat16", optimizer=cnn.SGD(0.1))
    with pytest.raises(ValueError, match="the precision is bfloat16"):
        sgd.fit(ROWS, LABELS, batch_size="full", gram=True)
    with pytest.raises(ValueError, match="shared_weights=True cannot be combined with precision='bfloat16'"):
        cnn.Ensemble(classifier(precision="bfloat16"), n_members=2, shared_weights=True)
    with pytest.raises(ValueError, match="precision"):
        cnn.Ensemble([classifier(precision="bfloat16"), classifier(seed=1)])


def test_steps_by_hand_use_it():
    one, two = classifier(precision="bfloat16"), classifier()
    for net in (one, two):
        out, tape = net.forward(ROWS, training=True)
        net.step(net.backward(tape, out / len(out)))
    differences = np.abs(one.get_weights()[0][0] - two.get_weights()[0][0])
    assert 0 < differences.max() < 0.05
    gradient = one.gradients(ROWS, LABELS)["layers"][0]["weight"]
    assert np.allclose(gradient, one.gradients(ROWS, LABELS)["layers"][0]["weight"])


def test_checkpoints_continue_with_the_same_bits(tmp_path):
    how = {"epochs": 3, "warm_start": True}
    whole = classifier(precision="bfloat16").fit(ROWS, LABELS, epochs=6)
    first = classifier(precision="bfloat16").fit(ROWS, LABELS, epochs=3)
    first.save_checkpoint(tmp_path / "net.ckpt")
    again = cnn.load_checkpoint(tmp_path / "net.ckpt").fit(ROWS, LABELS, **how)
    assert again.fingerprint() == whole.fingerprint() == first.fit(ROWS, LABELS, **how).fingerprint()


@pytest.mark.parametrize("mean", [0, 20, 500])
def test_scaled_columns_far_from_zero(mean):
    rows = ROWS + np.float32(mean)
    net = classifier(precision="bfloat16", standardize=True).fit(rows, LABELS, epochs=5)
    report = net.compare_precision(rows, LABELS)
    assert report.largest_difference < 0.02
    assert (net.forward(rows)[0] == net.decision_function(rows)).all()  # as in training
    assert (net.decision_function(rows[:1]) == net.decision_function(rows)[:1]).all()
    model = cnn.Ensemble(classifier(precision="bfloat16", standardize=True), n_members=2)
    assert model.fit(rows, LABELS, epochs=2).precision_report_.largest_difference < 0.02


def test_validation_rows_fill_the_report():
    net = classifier(precision="bfloat16").fit(
        ROWS, LABELS, epochs=5, validation_data=(ROWS[:90], LABELS[:90])
    )
    report = net.precision_report_
    assert report == net.compare_precision(ROWS[:90], LABELS[:90])
    assert (report.precision, report.rows, report.outputs) == ("bfloat16", 90, "probabilities")
    assert 0 < report.mean_difference < report.largest_difference < 0.05
    assert report.score == net.score(ROWS[:90], LABELS[:90]) == net.history["val_score"][-1]
    net.fit(ROWS, LABELS, epochs=1)
    assert not hasattr(net, "precision_report_")
    assert not hasattr(classifier().fit(ROWS, LABELS, validation_fraction=0.2), "precision_report_")


def test_batches_and_shards_train_in_bfloat16():
    def batches():
        return [(ROWS[:150], LABELS[:150]), (ROWS[150:], LABELS[150:])]

    streamed = classifier(precision="bfloat16").fit(batches, epochs=2, classes=range(3))
    assert streamed.compare_precision(ROWS).mean_difference > 0
    one, two = (
        classifier(precision=name).fit(cnn.distributed.ShardedRows(batches(), n_shards=2), epochs=2)
        for name in ("bfloat16", "float32")
    )
    differences = np.abs(one.get_weights()[0][0] - two.get_weights()[0][0])
    assert 0 < differences.max() < 0.05


# ---- int8


def test_predictions_are_those_of_whole_numbers():
    net = classifier(hidden=24).fit(ROWS, LABELS, epochs=5)
    small = net.quantize(ROWS[:200])
    expected = int8_outputs(net, ROWS, ROWS[:200])
    found = small.decision_function(ROWS)
    # A hidden output at the border of two whole numbers can be rounded to the other one.
    assert np.median(np.abs(found - expected)) < 1e-4
    assert np.abs(found - expected).max() < 0.05
    assert np.abs(found - net.decision_function(ROWS)).max() > 1e-4
    far = ROWS * 100  # beyond the ranges: replaced by their ends
    assert np.abs(small.decision_function(far) - int8_outputs(net, far, ROWS[:200])).max() < 0.05


@pytest.mark.parametrize("n_threads", [1, 2])
def test_one_row_has_the_bits_of_many(n_threads):
    small = classifier(hidden=33, n_threads=n_threads).fit(ROWS, LABELS, epochs=2).quantize(ROWS)
    together = small.predict_proba(ROWS)
    assert all((small.predict_proba(ROWS[i : i + 1]) == together[i]).all() for i in range(0, 300, 50))


def test_the_original_is_unchanged():
    net = fitted()
    before, probabilities = net.fingerprint(), net.predict_proba(X)
    small = net.quantize(X)
    assert net.fingerprint() == before != small.fingerprint()
    assert (net.predict_proba(X) == probabilities).all()
    assert net.precision_ == "float32"
    assert not hasattr(net, "precision_report_")
    assert small.get_weights()[0][0].tobytes() == net.get_weights()[0][0].tobytes()
    assert repr(small) == f"{net!r}.quantize(...)"
    assert "int8" in str(small.summary())
    assert "int8" in small._repr_html_()


OPTIONS = {
    "plain": {},
    "standardize": {"standardize": True},
    "clip": {"standardize": "robust_smooth_clip"},
    "bins": {"standardize": True, "numeric_embeddings": "piecewise_linear"},
    "embeddings": {"standardize": True, "embeddings": 2},
    "periodic": {"standardize": True, "numeric_embeddings": "periodic"},
    "scaled targets": {"standardize": True, "scale_targets": True},
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_tables(name, precision):
    layers = [cnn.Dense(24, "tanh"), cnn.Dense(1)]
    net = cnn.Network(
        layers, loss="mse", categorical_features="auto", seed=0, precision=precision, **OPTIONS[name]
    )
    net.fit(TABLE, PRICE, epochs=20)
    small = net.quantize(TABLE, PRICE)
    report = small.precision_report_
    spread = net.predict(TABLE).std() or 1.0
    assert report.outputs == "values"
    assert report.equal_labels is None
    assert 0 < report.mean_difference < 0.1 * max(spread, 0.1)
    if precision == "bfloat16":
        assert 0 < net.compare_precision(TABLE).mean_difference < 0.1 * max(spread, 0.1)
    row = {column: [value] for column, value in zip(TABLE, (np.nan, "unknown", 1.0), strict=True)}
    assert abs(small.predict(row) - net.predict(row)) < 0.5
    assert (small.predict({k: TABLE[k][:5] for k in reversed(TABLE)}) == small.predict(TABLE)[:5]).all()


def test_calibration_rows_without_ranges_are_named():
    net = classifier().fit(ROWS, LABELS, epochs=1)
    rows = ROWS.copy()
    rows[:, 2] = rows[:, 5] = 0.5
    with pytest.warns(cnn.CompiledNNWarning, match=r"2 columns, such as 'x2', have one value"):
        small = net.quantize(rows)
    assert (
        small.predict_proba(rows) == small.predict_proba(np.column_stack([rows[:, :5], ROWS[:, 5]]))
    ).all()
    for few in (ROWS[:1], ROWS[[0, 0, 0]]):
        with pytest.warns(cnn.CompiledNNWarning, match="Every column of numbers has one value"):
            net.quantize(few)
    with pytest.warns(cnn.CompiledNNWarning, match="in 1 calibration row, but"):
        cnn.Ensemble(classifier(), n_members=2).fit(ROWS, LABELS, epochs=1).quantize(ROWS[:1])
    constant = classifier().fit(rows, LABELS, epochs=1)
    assert constant.quantize(rows).precision_ == "int8"  # these columns had one value in training, too
    many = np.tile(ROWS, 10)  # columns that do not have separate ranges
    wide = cnn.Network([cnn.Dense(3)], seed=0).fit(many, LABELS, epochs=1)
    with pytest.warns(cnn.CompiledNNWarning, match="Every column of numbers has one value"):
        wide.quantize(many[:1])
    digits = cnn.datasets.load_digits()
    net = cnn.Network([cnn.Dense(10)], input_scale=1 / 16, seed=0).fit(
        digits.X_train, digits.y_train, epochs=1
    )
    net.quantize(digits.X_train[:1])  # an image: one range for all pixels


def test_constant_columns_of_tables_are_named():
    net = cnn.Network([cnn.Dense(1)], loss="mse", categorical_features="auto", standardize=True, seed=0)
    net.fit(TABLE, PRICE, epochs=1)
    rows = {name: column[:50] for name, column in TABLE.items()} | {"age": np.full(50, 3.0)}
    with pytest.warns(cnn.CompiledNNWarning, match="Column 'age' has one value"):
        net.quantize(rows)


@pytest.mark.parametrize("precision", ["int8", "bfloat16"])
def test_large_losses_of_accuracy_are_warned_of(precision):
    if precision == "bfloat16":
        net, far = cnn.Network([cnn.Dense(3)], precision="bfloat16"), ROWS + 1000  # rounded to multiples of 4
        W = rng.normal(size=(6, 3))
        net.set_weights([(W, -1000 * W.sum(axis=0))])
        how = {"epochs": 0, "warm_start": True, "validation_data": (far, LABELS)}
        with pytest.warns(
            cnn.CompiledNNWarning, match=r"bfloat16 changes .* % of the labels, of 300 rows: .* float32"
        ):
            net.fit(far, LABELS, **how)
        return
    outlier = ROWS.copy()
    outlier[0] = 1e30
    net = classifier().fit(ROWS, LABELS, epochs=1)
    with pytest.warns(
        cnn.CompiledNNWarning, match=r"int8 changes .* % of the labels, of 300 rows: .*calibration"
    ):
        net.quantize(outlier)
    values = regressor(2).fit(ROWS, ROWS[:, :2], epochs=1)
    with pytest.warns(cnn.CompiledNNWarning, match=r"int8 changes values by \S+ of their standard deviation"):
        values.quantize(np.where(np.arange(300)[:, np.newaxis] == 0, 1e4, ROWS)).compare_precision(ROWS)


def test_deviations_of_values():
    values = np.stack([2000 + 5 * VALUES, 3 + 1e-7 * VALUES, np.zeros(300)], axis=1)
    found = deviations_of(values.mean(axis=0), (values**2).mean(axis=0))
    assert found[0] == pytest.approx(values[:, 0].std(), rel=1e-3)
    assert (found[1:] == 0).all()  # equal except for rounding
    assert deviations_of(np.array([1e200]), np.array([np.inf])).tolist() == [0]


def test_a_category_that_no_calibration_row_has():
    net = cnn.Network([cnn.Dense(1)], loss="mse", categorical_features="auto", optimizer="lbfgs", seed=0)
    net.fit(TABLE, PRICE)
    others = TABLE["kind"] != "a"
    small = net.quantize({name: column[others] for name, column in TABLE.items()})
    row = {"size": [1000.0], "kind": ["a"], "age": [0.0]}
    assert small.predict(row) == pytest.approx(net.predict(row), abs=0.2)


LAYERS = {
    "norms": [cnn.Dense(16, "relu", norm="batch"), cnn.Dense(16, "gelu", norm="layer"), cnn.Dense(3)],
    "residual": [cnn.Dense(16, "relu"), cnn.Dense(16, "silu", norm="rms", residual=True), cnn.Dense(3)],
    "no hidden layer": [cnn.Dense(3)],
    "no bias": [cnn.Dense(9, "sigmoid", bias=False), cnn.Dense(3, bias=False)],
    "dropout": [cnn.Dense(31, "tanh", dropout=0.2), cnn.Dense(3)],
    "function": [
        cnn.Dense(17, cnn.Activation(lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype))),
        cnn.Dense(3),
    ],
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_layers(name, precision):
    given = "float32" if precision == "int8" else precision
    net = cnn.Network(LAYERS[name], seed=0, precision=given, ema=0.9 if name == "dropout" else None)
    net.fit(ROWS, LABELS, epochs=10)
    net = net.quantize(ROWS) if precision == "int8" else net
    report = net.compare_precision(ROWS, LABELS)
    assert report.precision == net.precision_ == precision
    assert 0 < report.mean_difference < 0.02
    assert report.equal_labels > 0.95
    assert abs(report.score - report.score_float32) <= 1.0001 - report.equal_labels
    if len(LAYERS[name]) > 1:
        assert net.transform(ROWS).shape == (300, LAYERS[name][-2].units)
    assert np.isfinite(net.loss(ROWS, LABELS))


@pytest.mark.parametrize(
    "loss", ["ordinal", "focal", "poisson", "gaussian_nll", "quantile", "binary_cross_entropy"]
)
def test_losses(loss):
    y = {"ordinal": LABELS, "focal": LABELS, "poisson": np.abs(VALUES)}.get(loss, VALUES)
    n = {"ordinal": 2, "focal": 3, "gaussian_nll": 2, "quantile": 3}.get(loss, 1)
    y = (LABELS > 0).astype(int) if loss == "binary_cross_entropy" else y
    given = cnn.losses.Quantile((0.1, 0.5, 0.9)) if loss == "quantile" else loss
    net = classifier(n, loss=given, standardize=True).fit(ROWS, y, epochs=10)
    small = net.quantize(ROWS, y)
    assert 0 < small.precision_report_.mean_difference < 0.1
    assert small.loss(ROWS, y) == pytest.approx(net.loss(ROWS, y), abs=0.05)
    assert small.score(ROWS, y) == small.precision_report_.score


def test_the_report_compares_what_it_says():
    net = regressor(2, scale_targets=True).fit(ROWS, 100 * ROWS[:, :2], epochs=10)
    weights = np.linspace(0, 1, 300)
    small = net.quantize(ROWS, 100 * ROWS[:, :2], sample_weight=weights)
    report, differences = small.precision_report_, np.abs(small.predict(ROWS) - net.predict(ROWS))
    assert report.largest_difference == pytest.approx(differences.max(), rel=1e-6)
    assert report.mean_difference == pytest.approx(differences.mean(), rel=1e-6)
    assert report.score == pytest.approx(small.score(ROWS, 100 * ROWS[:, :2], weights))
    assert report.score_float32 == pytest.approx(net.score(ROWS, 100 * ROWS[:, :2], weights))
    assert report.to_dict()["rows"] == 300
    assert repr(report).startswith("int8 compared with float32 on 300 rows: values differ by ")
    assert "labels" not in repr(report)
    net = classifier().fit(ROWS, LABELS, epochs=1)
    small = net.quantize(ROWS)
    report = small.precision_report_
    assert report.equal_labels == np.mean(small.predict(ROWS) == net.predict(ROWS))
    assert (
        report.largest_difference
        == np.abs(small.predict_proba(ROWS).astype(float) - net.predict_proba(ROWS)).max()
    )
    assert report.score is None
    assert "score" not in repr(report)
    assert "% of the labels are equal" in repr(report)


def test_a_report_is_a_value():
    report = PrecisionReport("int8", 1, "values", 0.5, 0.5)
    assert report == PrecisionReport("int8", 1, "values", 0.5, 0.5)
    assert (
        repr(report)
        == "int8 compared with float32 on 1 row: values differ by 0.5 on average and by 0.5 at most"
    )


def test_images_have_one_range():
    digits = cnn.datasets.load_digits()
    net = cnn.Network([cnn.Dense(16, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
    net.fit(digits.X_train, digits.y_train, epochs=5)
    small = net.quantize(digits.X_train[:100])
    (ranges,) = small._ranges
    assert (ranges.low[0] == 0).all()
    assert (ranges.high[0] == 1).all()
    report = small.compare_precision(digits.X_test, digits.y_test)
    assert report.equal_labels > 0.97


CHANGES = {
    "fit": lambda net: net.fit(ROWS, LABELS),
    "partial_fit": lambda net: net.partial_fit(ROWS, LABELS),
    "forward": lambda net: net.forward(ROWS),
    "step": lambda net: net.step({"layers": []}),
    "set_weights": lambda net: net.set_weights(net.get_weights()),
    "restore": lambda net: net.restore(net.snapshot()),
    "gradients": lambda net: net.gradients(ROWS, LABELS),
    "input_gradient": lambda net: net.input_gradient(ROWS),
    "diagnose": lambda net: net.diagnose(ROWS, LABELS),
    "save_checkpoint": lambda net: net.save_checkpoint("net.ckpt"),
    "the assignment of optimizer": lambda net: setattr(net, "optimizer", "sgd"),
    "the assignment of learning_rate_scale": lambda net: setattr(net, "learning_rate_scale", 0.5),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_quantised_network_only_predicts(name):
    small = classifier().fit(ROWS, LABELS, epochs=1).quantize(ROWS)
    before = small.predict_proba(ROWS)
    with pytest.raises(RuntimeError, match=f"is quantised to int8 and only predicts, so {name} is refused"):
        CHANGES[name](small)
    assert (small.predict_proba(ROWS) == before).all()


def test_what_quantize_refuses():
    net = classifier().fit(ROWS, LABELS, epochs=1)
    with pytest.raises(ValueError, match="is quantised already"):
        net.quantize(ROWS).quantize(ROWS)
    with pytest.raises(ValueError, match="dtype is 'float64'"):
        classifier(dtype="float64").fit(ROWS, LABELS, epochs=1).quantize(ROWS)
    with pytest.raises(cnn.NotFittedError):
        classifier().quantize(ROWS)
    with pytest.raises(ValueError, match="X has 5 columns; the network takes 6"):
        net.quantize(ROWS[:, :5])
    with pytest.raises(ValueError, match=r"0 rows|no rows|at least 1"):
        net.quantize(ROWS[:0])
    with pytest.raises(ValueError, match="sample_weight is for the scores"):
        net.quantize(ROWS, sample_weight=np.ones(300))
    with pytest.raises(ValueError, match="300"):
        net.quantize(ROWS, LABELS[:-1])
    with pytest.raises(ValueError, match="this network predicts with float32"):
        net.compare_precision(ROWS)


def test_calibration_of_a_quantised_network():
    net = classifier().fit(ROWS, LABELS, epochs=10)
    small = net.quantize(ROWS).calibrate(ROWS, LABELS)
    assert small.temperature_ == pytest.approx(net.calibrate(ROWS, LABELS).temperature_, rel=0.1)
    assert small.temperature_ != net.temperature_
    later = net.quantize(ROWS)
    assert later.temperature_ == net.temperature_
    assert later.precision_report_.mean_difference < 0.02
    assert len(small.calibrate_intervals(ROWS, LABELS).predict_set(ROWS)) == 300


def test_sparse_rows():
    sparse = pytest.importorskip("scipy.sparse", reason="sparse matrices are SciPy's")
    rows = np.where(ROWS > 0.5, ROWS, 0)
    net = classifier().fit(rows, LABELS, epochs=5)
    dense, other = net.quantize(rows), net.quantize(sparse.csr_array(rows))
    assert (other.predict_proba(rows) == dense.predict_proba(rows)).all()
    assert (other.predict_proba(sparse.csr_array(rows)) == dense.predict_proba(rows)).all()


def test_a_layer_with_too_many_inputs():
    net = cnn.Network([cnn.Dense(1)], loss="mse")
    net.set_weights([(np.zeros((65_001, 1)), [0.0])])
    with pytest.raises(ValueError, match=r"Layer 0 has 65,001 inputs; .* at most 65,000"):
        net.quantize(np.zeros((1, 65_001)))


# ---- copies


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
@pytest.mark.parametrize("make", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_predict_with_the_same_bits(precision, make):
    net = classifier(precision="float32" if precision == "int8" else precision)
    net.fit(ROWS, LABELS, epochs=2, validation_fraction=0.2)
    net = net.quantize(ROWS) if precision == "int8" else net
    other = make(net)
    assert other.precision_ == precision
    assert other.precision_report_ == net.precision_report_
    assert (other.predict_proba(ROWS) == net.predict_proba(ROWS)).all()


def test_one_network_of_many_threads():
    small = classifier(n_threads=1).fit(ROWS, LABELS, epochs=1).quantize(ROWS)
    before = small.predict_proba(ROWS)
    small.n_threads = 2
    assert (small.predict_proba(ROWS) == before).all()


# ---- ensembles


@pytest.mark.parametrize("combine", ["mean", "greedy"])
def test_ensembles(combine):
    model = cnn.Ensemble(classifier(), n_members=3, combine=combine).fit(ROWS, LABELS, epochs=5)
    small = model.quantize(ROWS, LABELS)
    assert small.precision_ == "int8"
    assert 0 < small.precision_report_.mean_difference < 0.02
    members = [member.predict_proba(ROWS) for member in small.members_]
    assert {member.precision_ for member in small.members_} == {"int8"}
    mean = np.tensordot(small.weights_, members, 1)
    assert np.allclose(small.predict_proba(ROWS), mean, atol=1e-6)
    assert np.abs(small.predict_proba(ROWS) - model.predict_proba(ROWS)).max() > 0
    assert small.loss(ROWS, LABELS) == pytest.approx(model.loss(ROWS, LABELS), abs=0.02)
    assert repr(small) == f"{model!r}.quantize(...)"
    with pytest.raises(RuntimeError, match="so save_checkpoint is refused"):
        small.save_checkpoint(io.BytesIO())
    with pytest.raises(RuntimeError, match="assignment of learning_rate_scale is refused"):
        small.learning_rate_scale = 0.5
    again = pickle.loads(pickle.dumps(small))
    assert (again.predict_proba(ROWS) == small.predict_proba(ROWS)).all()
    with pytest.raises(
        RuntimeError, match="Ensemble is quantised to int8 and only predicts, so fit is refused"
    ):
        small.fit(ROWS, LABELS)
    with pytest.raises(RuntimeError, match="input_gradient is refused"):
        small.input_gradient(ROWS)
    with pytest.raises(ValueError, match="this ensemble predicts with float32"):
        model.compare_precision(ROWS)


def test_ensembles_of_bfloat16():
    model = cnn.Ensemble(classifier(precision="bfloat16"), n_members=3).fit(ROWS, LABELS, epochs=5)
    alone = cnn.Ensemble(classifier(precision="bfloat16"), n_members=1)
    alone.fit(ROWS, LABELS, epochs=5, validation=model.validation_masks_[:1])
    assert model.precision_ == model.members_[0].precision_ == "bfloat16"
    assert model.members_[0].get_weights()[0][0].tobytes() == alone.members_[0].get_weights()[0][0].tobytes()
    report = model.compare_precision(ROWS, LABELS)
    assert 0 < report.mean_difference < 0.01
    assert report.equal_labels > 0.98


def test_fit_of_an_ensemble_fills_the_report():
    model = cnn.Ensemble(classifier(precision="bfloat16"), n_members=2)
    assert str(model.summary()).splitlines()[-1].split() == ["products", "bfloat16"]
    model.fit(ROWS, LABELS, epochs=2)
    rows = model.validation_masks_.any(axis=0)
    assert 0 < rows.sum() < 300
    assert model.precision_report_ == model.compare_precision(ROWS[rows], LABELS[rows])
    assert str(model.summary()).splitlines()[-1].split() == ["products", "bfloat16"]
    weights = np.linspace(0, 1, 90)
    given = ROWS[:90], LABELS[:90], weights
    model.fit(ROWS, LABELS, epochs=2, validation_data=given)
    assert model.precision_report_ == model.compare_precision(*given[:2], sample_weight=weights)
    model.fit(ROWS, LABELS, epochs=2, validation="folds", refit=True)
    assert model.precision_report_ == model.compare_precision(ROWS, LABELS)
    model.fit(ROWS, LABELS, epochs=1, validation=None)
    assert not hasattr(model, "precision_report_")
    exact = cnn.Ensemble(classifier(), n_members=2).fit(ROWS, LABELS, epochs=1)
    assert not hasattr(exact, "precision_report_")
    assert "products" not in str(exact.summary())
    assert str(exact.quantize(ROWS).summary()).splitlines()[-1].split() == ["products", "int8"]


def test_a_report_of_values_of_an_ensemble():
    net = regressor(precision="bfloat16", scale_targets=True, standardize=True)
    model = cnn.Ensemble(net, n_members=2).fit(ROWS, 100 + 50 * VALUES, epochs=3, validation="folds")
    assert model.precision_report_ == model.compare_precision(ROWS, 100 + 50 * VALUES)
    assert model.precision_report_.rows == 300


@pytest.mark.parametrize("make", [lambda net: net, lambda net: cnn.Ensemble(net, n_members=2)])
def test_a_call_of_fit_that_fails_leaves_no_report(make):
    def fail(net, epoch, history):
        raise RuntimeError("stop")

    given = {"epochs": 1, "validation_data": (ROWS, LABELS)}
    model = make(classifier(precision="bfloat16")).fit(ROWS, LABELS, **given)
    assert model.precision_report_.rows == 300
    with pytest.raises(RuntimeError, match="stop"):
        model.fit(ROWS, LABELS, **given, callbacks=[fail])
    assert not hasattr(model, "precision_report_")
