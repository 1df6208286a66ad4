"""Permutation importance: values against whole tables with a permuted column, and against scikit-learn."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import metrics
from compiled_nn.data.mixed_rows import MixedRows

pd = pytest.importorskip("pandas")
inspection = pytest.importorskip("sklearn.inspection")
sparse = pytest.importorskip("scipy.sparse")
rng = np.random.default_rng(0)
M = 400
NUMBERS = rng.normal(size=(M, 4))
VALUES = 2 * NUMBERS[:, 0] - NUMBERS[:, 2]
LABELS = np.where(VALUES > 0, "yes", "no")
TABLE = pd.DataFrame(
    {
        "age": NUMBERS[:, 0],
        "city": rng.choice(["Ulm", "Bonn", None], M),
        "gap": np.where(rng.random(M) < 0.3, np.nan, NUMBERS[:, 2]),
        "same": "x",
        "day": np.datetime64("2024-01-01") + rng.permutation(M).astype("timedelta64[D]"),
    }
)
ENCODED = {"categorical_features": "auto", "column_types": {"same": "ignore"}, "standardize": True}


def regressor(X, y=VALUES, **options):
    return cnn.MLPRegressor(hidden_layer_sizes=(8,), random_state=0, max_iter=30, **options).fit(X, y)


def network(X, y=LABELS, **options):
    layers = [cnn.Dense(8, "relu"), cnn.Dense(2)]
    return cnn.Network(layers, seed=0, optimizer=cnn.Adam(0.02), **options).fit(X, y, epochs=20)


def orders(n_repeats, seed=0):
    generator = np.random.default_rng(seed)
    return [generator.permutation(M) for _ in range(n_repeats)]


@pytest.mark.parametrize(
    ("X", "options"),
    [
        (NUMBERS, {}),
        (np.asfortranarray(NUMBERS.astype(np.float32)), {}),
        (TABLE, ENCODED),
        (TABLE[["city", "same"]], ENCODED),
        (pd.DataFrame(NUMBERS, columns=list("abcd")), {}),
    ],
    ids=["array", "columns", "table", "categories", "named"],
)
@pytest.mark.parametrize("make", [network, regressor])
def test_an_importance_is_the_loss_of_score_for_a_permuted_column(X, options, make):
    y = LABELS if make is network else VALUES
    model = make(X, y, **options)
    result = cnn.permutation_importance(model, X, y, n_repeats=2)
    frame = pd.DataFrame(X)
    for j in range(frame.shape[1]):
        for repeat, order in enumerate(orders(2)):
            mixed = frame.copy()
            mixed[mixed.columns[j]] = frame.iloc[order, j].array
            mixed = mixed if isinstance(X, pd.DataFrame) else mixed.to_numpy()
            # sums of the same numbers in blocks of other sizes
            expected = model.score(X, y) - model.score(mixed, y)
            assert result.importances[j, repeat] == pytest.approx(expected, abs=1e-6)
    assert result.score == pytest.approx(model.score(X, y), abs=1e-9)  # the same sums
    names = X.columns if isinstance(X, pd.DataFrame) else ["x0", "x1", "x2", "x3"]
    assert result.feature_names == tuple(names)
    assert result.metric == ("accuracy" if make is network else "r2")


@pytest.mark.parametrize("model", ["regressor", "classifier"])
def test_means_agree_with_scikit_learn(model):
    if model == "regressor":
        fitted, y = regressor(NUMBERS), VALUES
    else:
        fitted, y = (
            cnn.MLPClassifier(hidden_layer_sizes=(8,), random_state=0, max_iter=30).fit(NUMBERS, LABELS),
            LABELS,
        )
    ours = cnn.permutation_importance(fitted, NUMBERS, y, n_repeats=30, random_state=3)
    theirs = inspection.permutation_importance(fitted, NUMBERS, y, n_repeats=30, random_state=4)
    # the difference of two means of 30: four of its standard errors
    error = np.sqrt((ours.importances_std**2 + theirs.importances_std**2) / 30)
    assert (abs(ours.importances_mean - theirs.importances_mean) <= 4 * error).all()
    assert ours.importances.shape == theirs.importances.shape


@pytest.mark.parametrize("metric", ["log_loss", "neg_log_loss", "f1_macro", metrics.resolve("brier")])
def test_metrics(metric):
    model = network(NUMBERS)
    result = cnn.permutation_importance(model, NUMBERS, LABELS, metric=metric, n_repeats=2)
    chosen = metrics.resolve(metric)
    assert result.metric == chosen.name
    assert result.score == pytest.approx(chosen.measure(model, NUMBERS, LABELS), rel=1e-6)  # float32 sums
    assert result.order[0] == 0
    assert result.importances_mean[0] > 0.1  # also for losses


def test_a_callable_gets_labels():
    seen = []

    def metric(y, predicted):
        seen.append(set(predicted))
        return float(np.mean(np.asarray(y) == predicted))

    model = network(NUMBERS)
    result = cnn.permutation_importance(model, NUMBERS, LABELS, metric=metric, n_repeats=1)
    assert result.metric == "metric"
    assert result.score == model.score(NUMBERS, LABELS)
    assert len(seen) == 5
    assert seen[0] == {"yes", "no"}


def test_columns_in_another_order_have_the_same_importances():
    model = network(TABLE, **ENCODED)
    first = cnn.permutation_importance(model, TABLE, LABELS)
    second = cnn.permutation_importance(model, TABLE[["day", "same", "gap", "age", "city"]], LABELS)
    assert first.feature_names == second.feature_names
    assert (first.importances == second.importances).all()
    other = network(TABLE[["same", "age", "gap", "day", "city"]], **ENCODED)
    assert cnn.permutation_importance(other, TABLE, LABELS).feature_names == (
        "same",
        "age",
        "gap",
        "day",
        "city",
    )


def test_a_column_that_is_left_out_has_no_importance():
    result = cnn.permutation_importance(network(TABLE, **ENCODED), TABLE, LABELS)
    assert (result.importances[3] == 0).all()
    assert result.importances_mean[0] > 0.1


def test_weights_count_in_the_metric():
    model, weights = network(NUMBERS), (np.arange(M) % 2).astype(float)
    result = cnn.permutation_importance(model, NUMBERS, LABELS, sample_weight=weights, n_repeats=1)
    assert result.score == pytest.approx(model.score(NUMBERS[1::2], LABELS[1::2]))
    with pytest.raises(ValueError, match="sample_weight has 3"):
        cnn.permutation_importance(model, NUMBERS, LABELS, sample_weight=[1, 2, 3])


@pytest.mark.parametrize("loss", ["quantile", "gaussian_nll"])
def test_losses_with_several_outputs_per_value(loss):
    loss = cnn.losses.Quantile((0.1, 0.5, 0.9)) if loss == "quantile" else loss
    model = cnn.MLPRegressor(
        hidden_layer_sizes=(8,), loss=loss, random_state=0, max_iter=40, learning_rate_init=0.02
    ).fit(NUMBERS, VALUES)
    result = cnn.permutation_importance(model, NUMBERS, VALUES, n_repeats=2)
    assert result.score == pytest.approx(model.score(NUMBERS, VALUES))
    assert result.order[0] == 0


def test_several_labels_per_row():
    y = np.column_stack([NUMBERS[:, 0] > 0, NUMBERS[:, 1] > 0]).astype(int)
    model = cnn.MLPClassifier(hidden_layer_sizes=(8,), random_state=0, max_iter=100).fit(NUMBERS, y)
    result = cnn.permutation_importance(model, NUMBERS, y, n_repeats=2)
    assert result.score == pytest.approx(model.score(NUMBERS, y))
    assert set(result.order[:2].tolist()) == {0, 1}


def test_sparse_rows_and_images():
    X = np.where(rng.random((M, 4)) < 0.5, 0.0, NUMBERS)
    model = network(X)
    dense = cnn.permutation_importance(model, X, LABELS, n_repeats=2)
    compressed = cnn.permutation_importance(model, sparse.csr_array(X), LABELS, n_repeats=2)
    assert (dense.importances == compressed.importances).all()  # shares of the same labels
    images = NUMBERS.reshape(M, 2, 2)
    result = cnn.permutation_importance(network(images), images, LABELS, n_repeats=1)
    assert result.importances.shape == (4, 1)


@pytest.mark.parametrize("zeros", [0.6, 0.0])  # without zeros, each row has its entries in the same columns
def test_blocks_of_sparse_rows_are_those_of_dense_ones(zeros, monkeypatch):
    monkeypatch.setattr("compiled_nn.data.samples.TOGETHER", 64)
    X = np.where(rng.random((50, 6)) < zeros, 0.0, rng.normal(size=(50, 6)))
    groups, order = np.array([0, 1, 1, 2, 0, 3]), rng.permutation(50)
    from compiled_nn.data import samples

    rows = samples.read(sparse.csr_array(X), dtype="float64")
    for group in range(4):
        expected = X.copy()
        expected[:, groups == group] = X[order][:, groups == group]
        blocks = list(MixedRows(X, groups).blocks(group, order))
        assert len(blocks) > 3
        assert (np.concatenate(blocks) == expected).all()
        blocks = list(MixedRows(rows, groups).blocks(group, order))
        assert (np.concatenate([block.toarray() for block in blocks]) == expected).all()


def test_x_is_not_changed():
    X, y = NUMBERS.copy(), VALUES.copy()
    model = regressor(X, y)
    X.flags.writeable = y.flags.writeable = False
    cnn.permutation_importance(model, X, y, n_repeats=1)
    assert (X == NUMBERS).all()


def test_seeds():
    model = regressor(NUMBERS)
    results = [
        cnn.permutation_importance(model, NUMBERS, VALUES, n_repeats=2, random_state=seed).importances
        for seed in (0, 0, 1, None, None, np.random.default_rng(0), np.random.RandomState(0))
    ]
    assert (results[0] == results[1]).all()
    for i, j in ((0, 2), (0, 3), (3, 4), (5, 6)):
        assert (results[i][0] != results[j][0]).all()
    generator = np.random.default_rng(0)
    first, second = (
        cnn.permutation_importance(model, NUMBERS, VALUES, n_repeats=1, random_state=generator)
        for _ in range(2)
    )
    assert (first.importances[0] != second.importances[0]).all()


def test_the_text_is_a_table():
    model = network(TABLE, **ENCODED)
    result = cnn.permutation_importance(model, TABLE, LABELS)
    title, head, *lines = repr(result).splitlines()
    assert title.startswith("Permutation importance by accuracy, which is 0.")
    assert head.split() == ["column", "importance", "std"]
    assert [line.split()[0] for line in lines] == [result.feature_names[i] for i in result.order]
    wide = pd.DataFrame(rng.normal(size=(M, 40)), columns=[f"<{'n' * 60}{i}\n>" for i in range(40)])
    result = cnn.permutation_importance(regressor(wide), wide, VALUES, n_repeats=1)
    assert repr(result).endswith("and 10 more")
    assert max(map(len, repr(result).splitlines())) < 90
    assert "<nnn" not in result._repr_html_()
    assert "&lt;nnn" in result._repr_html_()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"n_repeats": 0}, ValueError, "n_repeats"),
        ({"random_state": "x"}, TypeError, "random_state"),
        ({"metric": "acuracy"}, ValueError, "Did you mean 'accuracy'"),
        ({"metric": "log_loss"}, ValueError, "predict_proba is for classes"),
        ({"y": VALUES[:10]}, ValueError, "400 rows; y has 10"),
        ({"X": NUMBERS[:, :3]}, ValueError, "3"),
        ({"model": object()}, TypeError, "Got object instead"),
        ({"model": cnn.MLPRegressor()}, cnn.NotFittedError, "not fitted"),
        ({"model": cnn.Network([cnn.Dense(1)], loss="mse")}, cnn.NotFittedError, "fit"),
    ],
)
def test_refusals(change, error, words):
    arguments = {"model": regressor(NUMBERS), "X": NUMBERS, "y": VALUES, **change}
    with pytest.raises(error, match=words):
        cnn.permutation_importance(
            arguments.pop("model"), arguments.pop("X"), arguments.pop("y"), **arguments
        )
