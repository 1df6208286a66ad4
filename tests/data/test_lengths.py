"""Numbers of rows that differ: refused before X is read, by every function that takes both."""

import compiled_nn as cnn
import numpy as np
import pytest
from command_line import outcome, write_idx

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)
BAD = X.copy()
BAD[0, 0] = np.nan  # reading it would raise another error


def network():
    return cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(2)], seed=0).fit(X, Y, epochs=1)


def regressor():
    return cnn.MLPRegressor(hidden_layer_sizes=(4,), random_state=0).fit(X, X[:, 0])


def classifier():
    return cnn.MLPClassifier(hidden_layer_sizes=(4,), random_state=0).fit(X, Y)


CALLS = {
    "fit": lambda x, y: network().fit(x, y),
    "partial_fit": lambda x, y: network().partial_fit(x, y),
    "validation_data": lambda x, y: network().fit(X, Y, validation_data=(x, y)),
    "score": lambda x, y: network().score(x, y),
    "loss": lambda x, y: network().loss(x, y),
    "gradients": lambda x, y: network().gradients(x, y),
    "calibrate": lambda x, y: network().calibrate(x, y),
    "calibrate_intervals": lambda x, y: network().calibrate_intervals(x, y),
    "diagnose": lambda x, y: network().diagnose(x, y),
    "MLPRegressor": lambda x, y: cnn.MLPRegressor().fit(x, y),
    "MLPRegressor.partial_fit": lambda x, y: cnn.MLPRegressor().partial_fit(x, y),
    "MLPRegressor.score": lambda x, y: regressor().score(x, y),
    "MLPRegressor.diagnose": lambda x, y: cnn.MLPRegressor().diagnose(x, y),
    "MLPRegressor.calibrate_intervals": lambda x, y: regressor().calibrate_intervals(x, y),
    "MLPClassifier": lambda x, y: cnn.MLPClassifier().fit(x, y),
    "MLPClassifier, lbfgs": lambda x, y: cnn.MLPClassifier(solver="lbfgs").fit(x, y),
    "MLPClassifier.validation_data": lambda x, y: cnn.MLPClassifier().fit(X, Y, validation_data=(x, y)),
    "MLPClassifier.score": lambda x, y: classifier().score(x, y),
    "MLPClassifier.diagnose": lambda x, y: classifier().diagnose(x, y),
    "MLPClassifier.calibrate": lambda x, y: classifier().calibrate(x, y),
    "MLPClassifier.calibrate_intervals": lambda x, y: classifier().calibrate_intervals(x, y),
    "MLPClassifier.partial_fit": lambda x, y: cnn.MLPClassifier().partial_fit(x, y, classes=[0, 1]),
}


@pytest.mark.parametrize("kind", [np.asarray, list])
@pytest.mark.parametrize("name", CALLS)
def test_lengths_are_compared_before_x_is_read(name, kind):
    with pytest.raises(ValueError, match="X has 40 rows; y has 39"):
        CALLS[name](kind(BAD), kind(Y[:39]))


OF_ROWS = {
    "fit": lambda w: network().fit(BAD, Y, sample_weight=w),
    "partial_fit": lambda w: network().partial_fit(BAD, Y, sample_weight=w),
    "validation_data": lambda w: network().fit(X, Y, validation_data=(BAD, Y, w)),
    "score": lambda w: network().score(BAD, Y, w),
    "loss": lambda w: network().loss(BAD, Y, w),
    "gradients": lambda w: network().gradients(BAD, Y, w),
    "calibrate": lambda w: network().calibrate(BAD, Y, sample_weight=w),
    "MLPRegressor": lambda w: cnn.MLPRegressor().fit(BAD, Y, w),
    "MLPRegressor.partial_fit": lambda w: cnn.MLPRegressor().partial_fit(BAD, Y, w),
    "MLPRegressor.score": lambda w: regressor().score(BAD, Y, w),
    "MLPRegressor.validation_data": lambda w: cnn.MLPRegressor().fit(X, Y, validation_data=(BAD, Y, w)),
    "MLPClassifier": lambda w: cnn.MLPClassifier().fit(BAD, Y, w),
    "MLPClassifier, lbfgs": lambda w: cnn.MLPClassifier(solver="lbfgs").fit(BAD, Y, w),
    "MLPClassifier.partial_fit": lambda w: cnn.MLPClassifier().partial_fit(BAD, Y, w, classes=[0, 1]),
    "MLPClassifier.score": lambda w: classifier().score(BAD, Y, w),
    "MLPClassifier.calibrate": lambda w: classifier().calibrate(BAD, Y, w),
}


@pytest.mark.parametrize("kind", [np.asarray, list])
@pytest.mark.parametrize("name", OF_ROWS)
def test_weights_are_counted_before_x_is_read(name, kind):
    words = r"X has 40 rows; sample_weight has 41|sample_weight\.shape == \(41,\), expected \(40,\)! .* X has 40 rows"
    with pytest.raises(ValueError, match=words):
        OF_ROWS[name](kind(np.ones(41)))
    with pytest.raises(ValueError, match="NaN"):
        OF_ROWS[name](kind(np.ones(40)))


@pytest.mark.parametrize("make", [network, cnn.MLPClassifier, cnn.MLPRegressor])
def test_groups_are_counted_before_x_is_read(make):
    groups = np.arange(39)
    with pytest.raises(ValueError, match="X has 40 rows; validation_groups has 39"):
        make().fit(BAD, Y, validation_groups=groups)
    with pytest.raises(ValueError, match="NaN"):
        make().fit(BAD, Y, validation_groups=np.arange(40))


def test_the_command_line_compares_lengths_before_it_reads_images(tmp_path, capsys):
    write_idx(str(tmp_path / "images"), np.zeros((40, 2, 2), np.uint8))
    write_idx(str(tmp_path / "labels"), np.zeros(39, np.uint8))
    (tmp_path / "images").write_bytes((tmp_path / "images").read_bytes()[:30])  # reading it would be an error
    network().save(tmp_path / "net")
    for command in (("evaluate", tmp_path / "net"), ("train",)):
        code, out, err = outcome(capsys, *command, tmp_path / "images", "--labels", tmp_path / "labels")
        assert (code, out) == (1, "")
        assert "images: it has shape (40, 2, 2) and " in err
        assert "labels has shape (39,); expected one label per sample" in err


@pytest.mark.parametrize("name", CALLS)
def test_rows_of_equal_number_are_read(name):
    with pytest.raises(ValueError, match="NaN"):
        CALLS[name](BAD, Y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_that_are_not_finite_are_refused(dtype):
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(1)], loss="mse", dtype=dtype, seed=0).fit(
        X, X[:, 0], epochs=1
    )
    huge = 1e15 if dtype == "float32" else 1e120
    net.set_weights([(np.full(W.shape, huge), b) for W, b in net.get_weights()])
    with pytest.raises(ValueError, match=f"not finite.*beyond the range of {dtype}"):
        net.gradients(X, X[:, 0])
