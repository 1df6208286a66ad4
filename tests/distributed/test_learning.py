"""Properties learned from parts are those of the joined rows; errors name the part and the row."""

import warnings
from functools import partial

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.common.errors import CompiledNNWarning
from compiled_nn.data import column_facts, column_types, counted
from compiled_nn.distributed import MapEngine, ShardedRows, learning, measures, passes
from compiled_nn.distributed.descriptions import describe
from compiled_nn.distributed.parts import Part, Reading
from compiled_nn.preprocessing import standardization
from compiled_nn.training.sharded import Request

from cnn_core.sparse import SparseRows

SIZES = (30, 1, 64, 17, 48)
M = sum(SIZES)
SCALINGS = ("standard", "robust", "standard_smooth_clip", "robust_smooth_clip", "minmax")


def slices():
    ends = np.cumsum(SIZES)
    return [slice(end - size, end) for size, end in zip(SIZES, ends, strict=True)]


def cut(*columns):
    """Return the parts of arrays, tables or lists."""
    return [tuple(_rows(each, part) for each in columns) for part in slices()]


def _rows(X, part):
    return X.iloc[part] if hasattr(X, "iloc") else X[part]


def learn(parts, net, most=10**6, **request):
    """Return the properties that a network learns from parts, which belong to two shards."""
    request = {"statistics": net._configuration.scaling is not None, "seed": 5} | request
    sources = [Part(i, i % 2, source) for i, source in enumerate(parts)]
    request = Request(configuration=net._configuration, **request)
    return learning.learn(MapEngine(), sources, request, max_validation_rows=most)


def loaded(parts, net, learned):
    """Return the training rows of all parts as workers load them."""
    reading = Reading(
        configuration=net._configuration,
        inputs=learned.inputs,
        targets=learned.targets,
        class_weights=learned.class_weights,
        seed=learned.seed,
        n_held_out=learned.n_held_out,
    )
    return [learning.load(part, i, reading) for i, part in enumerate(parts)]


def full(X):
    return X.toarray() if isinstance(X, SparseRows) else np.asarray(X)


def network(outputs=3, **parameters):
    return cnn.Network([cnn.Dense(4, "tanh"), cnn.Dense(outputs)], **{"seed": 0, **parameters})


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope="module")
def columns():
    """Columns of a table with all kinds of values."""
    rng = np.random.default_rng(1)
    return {
        "customer_id": 1000 + np.arange(M),
        "age": np.where(rng.random(M) < 0.1, np.nan, rng.integers(18, 80, M)),
        "city": rng.choice(np.array(["Rome", "Bari", "Ulm", None], object), M, p=[0.5, 0.3, 0.1, 0.1]),
        "day": np.datetime64("2024-02-10") + rng.integers(0, 90, M),
        "score": rng.normal(size=M) * 100 + 1e4,
        "plan": np.array(["a"] * M, object),
    }


@pytest.fixture(scope="module")
def labels():
    return np.random.default_rng(2).integers(0, 3, M)


# ---- X of any kind


def arrays_of(kind, rng):
    X = rng.normal(size=(M, 5)) * 10
    if kind == "sparse":
        scipy = pytest.importorskip("scipy.sparse")
        return scipy.csr_array(np.where(np.abs(X) > 12, X, 0))
    if kind == "list":
        return X.tolist()
    if kind == "images":
        return X.reshape(M, 5, 1)
    return X.astype(kind)


@pytest.mark.parametrize("kind", ["float32", "float64", "int16", "object", "sparse", "list", "images"])
def test_arrays(kind, rng, labels):
    X, net = arrays_of(kind, rng), network()
    parts = cut(X, labels)
    learned = learn(parts, net)
    one = network().fit(X, labels, epochs=1)
    for name in ("n_columns", "names", "labels", "shape", "dtype", "encoder"):
        assert getattr(learned.inputs, name) == getattr(one._inputs, name)
    found = np.concatenate([full(part.X) for part in loaded(parts, net, learned)])
    np.testing.assert_array_equal(found, full(one._inputs.read(X)))
    assert learned.n_rows == SIZES
    assert learned.weights == SIZES


def tables(library, columns):
    if library == "dicts":
        return [
            dict(zip(columns, row, strict=True))
            for row in zip(*(c.tolist() for c in columns.values()), strict=True)
        ]
    module = pytest.importorskip(library)
    columns = {key: c.astype("M8[us]") if c.dtype.kind == "M" else c for key, c in columns.items()}
    return module.table(columns) if library == "pyarrow" else module.DataFrame(columns)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "dicts"])
def test_tables(library, columns, labels):
    X, options = tables(library, columns), {"categorical_features": "auto", "standardize": True}
    net = network(**options)
    parts = cut(X, labels)
    with pytest.warns(CompiledNNWarning, match="customer_id.* are left out|left out.*customer_id") as caught:
        learned = learn(parts, net)
    assert len(caught) == 1, "announced once"
    with pytest.warns(CompiledNNWarning, match="left out") as expected:
        one = network(**options).fit(X, labels, epochs=1)
    assert str(caught[0].message) == str(expected[0].message)
    kinds = [column.column_type for column in learned.inputs.encoder.columns_]
    assert kinds == [column.column_type for column in one._inputs.encoder.columns_]
    assert [kind.kind for kind in kinds] == ["identifier", "number", "category", "date", "number", "constant"]
    assert learned.inputs.names == one._inputs.names == tuple(columns)
    found = np.concatenate([full(part.X) for part in loaded(parts, net, learned)])
    np.testing.assert_allclose(found, full(one._inputs.read(X)), rtol=1e-6)  # float32
    for mine, theirs in zip(learned.statistics, one._trainer.stack.statistics, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)


def test_columns_that_are_known_only_from_all_parts(labels):
    """Numbers in one part, numbers with gaps in another; text in a third one is refused."""
    pandas = pytest.importorskip("pandas")
    net = network(categorical_features="auto")
    parts = [
        (pandas.DataFrame({"a": [1, 2, 3], "b": [1.0, 2.0, 3.0]}), [0, 1, 2]),
        (pandas.DataFrame({"a": [1.5, np.nan], "b": [1.0, 2.0]}), [0, 1]),
    ]
    column = learn(parts, net).inputs.encoder.columns_[0]
    assert (column.mean, column.indicator) == (1.875, True)
    parts.append((pandas.DataFrame({"a": ["x"], "b": [1.0]}), [0]))
    with pytest.raises(TypeError, match="holds numbers in some parts and text in others"):
        learn(parts, net)


def test_dicts_are_in_no_order(labels):
    net = network(categorical_features="auto", column_types={"b": "category"})
    parts = [([{"a": 1.5, "b": 2}, {"a": 2.5, "b": 1}], [0, 1]), ([{"b": 2, "a": 3.5}], [2])]
    learned = learn(parts, net)
    assert learned.inputs.names == ("a", "b")
    assert learned.inputs.encoder.columns_[0].mean == 2.5
    assert learned.inputs.encoder.columns_[1].categories == (1, 2)
    np.testing.assert_array_equal(full(loaded(parts, net, learned)[1].X), [[3.5, 0, 1]])


# ---- statistics


@pytest.mark.parametrize("weighted", ["no", "equal", "different"])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("kind", ["float32", "sparse", "table"])
def test_statistics(kind, scaling, weighted, columns, labels):
    rng = np.random.default_rng(3)
    X, options = arrays_of("float32" if kind == "table" else kind, rng), {"standardize": scaling}
    if kind == "table":
        pandas = pytest.importorskip("pandas")
        X = pandas.DataFrame({name: columns[name] for name in ("age", "city", "score")})
        options["categorical_features"] = "auto"
    if kind == "float32":
        X[:, 3] = 2.5
        X[:, 4] = np.arange(M) == 9
    weights = {"no": None, "equal": np.repeat([2.0, 3, 1, 4, 5], SIZES), "different": rng.random(M)}[weighted]
    if weighted == "different":
        weights[:40] = 0, *weights[1:30], *[0] * 10  # none in the second part
    parts = cut(X, labels) if weights is None else cut(X, labels, weights)
    learned = learn(parts, network(**options))
    one = network(**options).fit(X, labels, sample_weight=weights, epochs=1)
    for mine, theirs in zip(learned.statistics, one._trainer.stack.statistics, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)  # sums in another order


def test_statistics_beyond_the_squares_of_float64(labels, rng):
    X = rng.normal(size=(M, 3)) * [1e200, 1, 1e-200]
    options = {"standardize": True, "dtype": "float64"}
    learned = learn(cut(X, labels), network(**options))
    one = network(**options).fit(X, labels, epochs=1)
    for mine, theirs in zip(learned.statistics, one._trainer.stack.statistics, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_medians_of_many_rows_are_those_of_a_sample(monkeypatch, rng, labels):
    monkeypatch.setattr(measures, "MOST_ROWS", 40)
    X = np.arange(M, dtype=float)[:, np.newaxis] * [1, -2]
    learned = learn(cut(X, labels), network(standardize="robust"))
    assert len(learned.sample) == len(learned.sample_y) == 40
    np.testing.assert_allclose(learned.statistics.mean, [M / 2, -M], rtol=0.05)
    gaps = np.diff(np.sort(learned.sample[:, 0]))
    assert gaps.max() <= 2 * M / 40, "evenly taken"


def test_sizes_of_samples():
    assert measures.sizes_of_samples([7, 0, 9], 5, thorough=False) == (7, 0, 9)
    sizes = measures.sizes_of_samples([10**6, 0, 3 * 10**6], 5, thorough=True)
    assert sizes == (25_000, 0, 75_000)
    assert sum(measures.sizes_of_samples([10**6] * 7, 784, thorough=True)) < 25_000
    assert sum(measures.sizes_of_samples([10**6] * 7, 5, thorough=False)) == measures.FEW_ROWS


def test_bins(rng, labels):
    X = rng.normal(size=(M, 3))
    X[:, 2] = X[:, 2] > 0
    for bins_by in ("quantile", "tree", "both"):
        options = {"numeric_embeddings": cnn.PiecewiseLinear(bins=4, bins_by=bins_by), "standardize": True}
        learned = learn(cut(X, labels), network(**options), bins=True)
        one = network(**options).fit(X, labels, epochs=1)
        assert learned.inputs.bins.counts == one._inputs.bins.counts
        assert learned.inputs.bins.counts[2] == 0
        for mine, theirs in zip(learned.inputs.bins.edges, one._inputs.bins.edges, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12)


# ---- y


@pytest.mark.parametrize(
    "names",
    [[3, 5, 7], ["a", "bb", "longest"], [0.0, 1.0, 2.5], [b"x", b"y", b"z"]],
)
def test_classes(names, rng, labels):
    y = np.array(names)[labels]
    X = rng.normal(size=(M, 2))
    learned = learn(cut(X, y), network())
    one = network().fit(X, y, epochs=1)
    assert learned.targets.classes.tolist() == one._outputs.learned.classes.tolist()
    assert learned.targets.classes.dtype == one._outputs.learned.classes.dtype
    assert learned.counts.tolist() == np.bincount(labels).tolist()
    assert learned.y.tolist() == names
    assert learn(cut(X, y.astype(object)), network()).y.dtype == object


def test_labels_of_different_dtypes_have_the_joined_one(rng):
    parts = [(rng.normal(size=(2, 2)), y) for y in ([0, 1], np.array([2.0, 1.0]), np.array([True, False]))]
    learned = learn(parts, network())
    assert learned.targets.classes.dtype == np.float64
    assert learned.counts.tolist() == [2, 3, 1]


def test_labels_of_two_kinds_are_an_error(rng):
    parts = [(np.zeros((2, 1)), [0, 1]), (np.zeros((0, 1)), []), (np.zeros((2, 1)), ["a", "b"])]
    with pytest.raises(TypeError, match="y mixes numbers with text: part 0 has 0, part 2 has 'a'"):
        learn(parts, network())


def test_a_wrong_number_of_classes_is_an_error(rng, labels):
    with pytest.raises(ValueError, match="y has 3 classes; the network has 2 outputs"):
        learn(cut(rng.normal(size=(M, 2)), labels), network(2))
    known = network(4)
    targets = cnn.training.targets.targets_with_classes(None, known._configuration.loss, 4, [0, 1, 2, 9])
    learned = learn(cut(rng.normal(size=(M, 2)), labels), known, targets=targets)
    assert learned.counts.tolist() == [*np.bincount(labels).tolist(), 0]
    wrong = np.where(np.arange(M) == 100, 7, labels)
    with pytest.raises(ValueError, match=r"Part 3, counted from 0: `y` has classes not in .* Row 5 is 7"):
        learn(cut(rng.normal(size=(M, 2)), wrong), known, targets=targets)


@pytest.mark.parametrize("weighted", [False, True])
def test_values(weighted, rng):
    X, y = rng.normal(size=(M, 2)), rng.normal(size=(M, 2)).astype("float32") * 1e3 + 1e5
    weights = rng.random(M) if weighted else None
    parts = cut(X, y, weights) if weighted else cut(X, y)
    options = {"loss": "mse", "scale_targets": True}
    learned = learn(parts, network(2, **options))
    one = network(2, **options).fit(X, y, sample_weight=weights, epochs=1)
    targets = one._outputs.learned
    assert learned.targets.dtype == targets.dtype == "float32"
    for mine, theirs in zip(learned.targets.scaling, targets.scaling, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    found = np.concatenate([part.y for part in loaded(parts, network(2, **options), learned)])
    np.testing.assert_allclose(found, targets.encode(y, "float32"), rtol=1e-6)
    if weighted:
        np.testing.assert_allclose(learned.weights, [weights[part].sum() for part in slices()])


def test_the_dtype_of_predictions_is_that_of_all_parts(rng):
    short, long = np.ones(3, "float32") * [1, 2, 3], np.arange(3.0)
    X = rng.normal(size=(3, 1))
    net = network(1, loss="mse")
    assert learn([(X, short.astype("float32"))] * 2, net).targets.dtype == "float32"
    assert learn([(X, short.astype("float32")), (X, long)], net).targets.dtype == "float64"
    assert learn([(X, [1, 2, 3])] * 2, net).targets.dtype == "float64"


def test_the_range_of_a_loss(rng):
    y = rng.poisson(3, M).astype(float)
    X, net = rng.normal(size=(M, 2)), network(1, loss="poisson")
    assert learn(cut(X, y), net).targets.kind == "values"
    y[100] = -1
    with pytest.raises(ValueError, match=r"^Part 3, counted from 0: .*row 5"):
        learn(cut(X, y), net)


def test_values_that_need_scaling(rng):
    X, net = rng.normal(size=(M, 2)), network(1, loss="mse")
    with pytest.warns(CompiledNNWarning, match="Use scale_targets=True") as caught:
        learn(cut(X, rng.normal(size=M) * 1e6), net)
    assert len(caught) == 1
    with pytest.raises(ValueError, match="too small for its size"):
        learn(cut(X, rng.normal(size=M) * 1e-3 + 1e6), net)
    y = rng.normal(size=M)
    y[40] = 1e300
    with pytest.raises(ValueError, match=r"^Part 2, counted from 0: .*too large for float32: row 9"):
        learn(cut(X, y), net)


def test_several_labels_per_row(rng):
    y = rng.integers(0, 2, (M, 3))
    net = network(3, loss="binary_cross_entropy")
    learned = learn(cut(rng.normal(size=(M, 2)), y), net)
    assert learned.targets.kind == "indicator"
    assert learned.counts is None
    y[40, 1] = 7
    with pytest.raises(ValueError, match=r"^Part 2, counted from 0: y is 7 in row 9, column 1"):
        learn(cut(rng.normal(size=(M, 2)), y), net)


# ---- agreement of parts


def frame(**columns):
    return pytest.importorskip("pandas").DataFrame(columns)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            lambda: [frame(a=[1.0], b=[2.0]), frame(a=[1.0], c=[2.0])],
            "Part 1, .*part 0: it lacks 'b', and it has 'c'",
        ),
        (
            lambda: [frame(a=[1.0], b=[2.0]), frame(b=[1.0], a=[2.0])],
            "Part 1, .* another order: column 0 is 'b'",
        ),
        (
            lambda: [frame(a=[1.0], b=[2.0]), np.zeros((1, 2))],
            "Part 1 has no names of .*; part 0 has the names 'a'",
        ),
        (
            lambda: [np.zeros((1, 2)), frame(a=[1.0], b=[2.0])],
            "Part 0 has no names of .*; part 1 has the names 'a'",
        ),
        (lambda: [np.zeros((1, 2)), np.zeros((1, 3))], "Part 1, counted from 0, has 3 columns; part 0 has 2"),
        (lambda: [[{"a": 1.0, "b": 2}], [{"a": 3.0}]], "Part 1, .* it lacks 'b'"),
    ],
)
@pytest.mark.parametrize("encodes", [False, True])
def test_parts_must_have_the_same_columns(parts, message, encodes):
    net = network(categorical_features="auto" if encodes else None)
    with pytest.raises(ValueError, match=message):
        learn([(X, [0]) for X in parts()], net)


@pytest.mark.parametrize(
    ("shape", "rows"), [((1, 3, 2), r"images of shape \(3, 2\)"), ((1, 6), "rows of 6 numbers")]
)
def test_images_must_have_the_same_shape(shape, rows):
    with pytest.raises(ValueError, match=rf"Part 1, .* has {rows}; part 0 has images of shape \(2, 3\)"):
        learn([(np.zeros((1, 2, 3)), [0]), (np.zeros(shape), [0])], network())


def test_parts_must_be_all_sparse_or_all_dense():
    scipy, net = pytest.importorskip("scipy.sparse"), network()
    parts = [(scipy.csr_array(np.eye(3)), [0, 1, 2]), (np.zeros((0, 3)), []), (np.eye(3), [0, 1, 2])]
    with pytest.raises(TypeError, match="Part 2, counted from 0, is dense; part 0 is sparse"):
        learn(parts, net)
    net.fit(np.eye(3), [0, 1, 2], epochs=1)
    with pytest.raises(TypeError, match="Part 2, counted from 0, is dense; part 0 is sparse"):
        net.fit(ShardedRows(parts), epochs=1, warm_start=True)


def test_parts_must_have_the_same_outputs():
    net = network(2, loss="mse")
    parts = [(np.zeros((1, 2)), np.zeros((1, 2))), (np.zeros((1, 2)), np.zeros(1))]
    with pytest.raises(ValueError, match="1 column; the network has 2 outputs"):
        learn(parts, net)
    made = partial(cnn.training.targets.infer_targets, net._configuration.loss, 2)
    with pytest.raises(
        ValueError, match=r"Part 1, .* one number or label per row; part 0 has a y with 2 columns"
    ):
        learn(parts, net, make_targets=made)


# ---- rows that are held out


def test_held_out_rows_are_never_trained_on(rng, labels):
    X = np.arange(M, dtype=float)[:, np.newaxis]
    weights = rng.random(M)
    parts, net = cut(X, labels, weights), network(standardize=True, dtype="float64")
    learned = learn(parts, net, validation_fraction=0.25)
    trained = loaded(parts, net, learned)
    held = learned.held_out.X[:, 0].astype(int)
    rows = np.concatenate([part.X[:, 0] for part in trained]).astype(int)
    assert sorted([*held, *rows]) == list(range(M))
    assert len(held) == M // 4 == sum(learned.n_held_out)
    assert [len(part.X) for part in trained] == list(learned.n_rows)
    assert learned.n_rows[1] == 1, "a part keeps a row"
    np.testing.assert_array_equal(learned.held_out.y, labels[held])
    np.testing.assert_array_equal(learned.held_out.weights, weights[held])
    for part in trained:
        np.testing.assert_array_equal(part.weights, weights[part.X[:, 0].astype(int)])
        np.testing.assert_array_equal(part.y, labels[part.X[:, 0].astype(int)])
    np.testing.assert_allclose(learned.weights, [part.weights.sum() for part in trained])
    expected = standardization.fit_statistics(X, weights=weights, rows=rows)
    np.testing.assert_allclose(learned.statistics, expected, rtol=1e-12)
    assert learned.inputs.seen.summary.rows == len(rows)
    for rows_of, n, size in zip(slices(), learned.n_held_out, SIZES, strict=True):
        of_part = labels[rows_of]
        chosen = held[(held >= rows_of.start) & (held < rows_of.stop)]
        shares = np.bincount(of_part, minlength=3) * n / size
        assert np.all(abs(np.bincount(labels[chosen], minlength=3) - shares) <= 1), (
            "stratified, up to one row"
        )
    again = learn(parts, net, validation_fraction=0.25)
    np.testing.assert_array_equal(again.held_out.X, learned.held_out.X)
    other = learn(parts, net, validation_fraction=0.25, seed=6)
    assert set(other.held_out.X[:, 0]) != set(learned.held_out.X[:, 0])


def test_at_most_so_many_rows_are_held_out(rng, labels):
    parts, net = cut(rng.normal(size=(M, 2)), labels), network()
    learned = learn(parts, net, validation_fraction=0.5, most=10)
    assert sum(learned.n_held_out) == len(learned.held_out.y) == 10
    few = [(np.zeros((3, 1)), [0, 1, 2])] * 4
    assert sum(learn(few, net, validation_fraction=0.1).n_held_out) == 1, "rounded over all parts"
    with pytest.raises(ValueError, match=r"validation_fraction=0.01 of 12 rows rounds to 0 rows"):
        learn(few, net, validation_fraction=0.01)
    with pytest.raises(ValueError, match="validation_fraction"):
        learn(few, net, validation_fraction=1.5)
    weights = [([[1.0]] * 2, [0, 1], [0, 0]), ([[1.0]], [2], [1])]
    with pytest.raises(ValueError, match="weights of all 1 validation rows are 0"):
        learn(weights, net, validation_fraction=0.4)


def test_held_out_values_are_in_units(rng):
    X, y = np.arange(M, dtype=float)[:, np.newaxis], rng.normal(size=M) * 1e3
    net = network(1, loss="mse", scale_targets=True)
    learned = learn(cut(X, y), net, validation_fraction=0.1)
    held = learned.held_out.X[:, 0].astype(int)
    np.testing.assert_array_equal(learned.held_out.y[:, 0], y[held])
    left = np.delete(y, held)
    np.testing.assert_allclose(learned.targets.scaling.mean, left.mean())
    np.testing.assert_allclose(learned.targets.scaling.scale, left.std())


def test_tables_are_gathered_encoded(columns, labels):
    X = tables("pandas", {name: columns[name] for name in ("age", "city", "day")})
    parts, net = cut(X, labels), network(categorical_features="auto", embeddings=2)
    learned = learn(parts, net, validation_fraction=0.2)
    assert isinstance(learned.held_out.X, SparseRows)
    assert len(learned.held_out.X) == len(learned.held_out.y) == 32
    trained = loaded(parts, net, learned)
    both = np.concatenate([full(learned.held_out.X), *(full(part.X) for part in trained)])
    expected = full(learned.inputs.read(X))
    np.testing.assert_array_equal(np.sort(both, axis=0), np.sort(expected, axis=0))


# ---- weights


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 2: 0.5}])
def test_class_weights(class_weight, rng, labels):
    X, weights = rng.normal(size=(M, 2)), rng.random(M)
    parts, net = cut(X, labels, weights), network(standardize=True)
    learned = learn(parts, net, class_weight=class_weight)
    expected = standardization.fit_statistics(X, weights=weights)  # without the weights of classes
    np.testing.assert_allclose(learned.statistics, expected, rtol=1e-12, atol=1e-12)
    trained = loaded(parts, net, learned)
    expected = weights * cnn.data.sample_weights.of_classes(class_weight, np.arange(3), labels, weights)
    np.testing.assert_allclose(np.concatenate([part.weights for part in trained]), expected)
    np.testing.assert_allclose(learned.weights, [expected[part].sum() for part in slices()])
    with pytest.raises(ValueError, match="class_weight has 9, which is not a class"):
        learn(parts, net, class_weight={9: 1.0})
    with pytest.raises(ValueError, match="class_weight needs one class per sample"):
        learn(cut(X, weights), network(1, loss="mse"), class_weight="balanced")


def test_weights_of_0(rng, labels):
    X, weights = rng.normal(size=(M, 2)), np.zeros(M)
    with pytest.raises(ValueError, match="weights of all training rows are 0"):
        learn(cut(X, labels, weights), network())
    weights[40] = 2.0
    learned = learn(cut(X, labels, weights), network())
    assert learned.weights == (0, 0, 2, 0, 0)
    assert learned.inputs.seen.summary.rows == 1
    weights[:] = 1e308
    with pytest.raises(ValueError, match="beyond the range of float64"):
        learn(cut(X, labels, weights), network())


# ---- what was seen


@pytest.mark.parametrize("kind", ["array", "table"])
def test_seen(kind, columns, labels, rng):
    X = rng.normal(size=(M, 3))
    options = {}
    if kind == "table":
        X, options = (
            tables("pandas", {name: columns[name] for name in ("age", "city", "day")}),
            {"categorical_features": "auto"},
        )
    nets = [network(**options).fit(ShardedRows(cut(X, labels)), epochs=1), network(**options)]
    nets[1].fit(X, labels, epochs=600)  # so many that ranges are those of all rows
    for net in nets:
        net.input_schema()
    mine, theirs = (net._inputs.seen.summary for net in nets)
    assert mine[:3] == theirs[:3]
    np.testing.assert_allclose(mine.numbers, theirs.numbers, rtol=1e-6)
    np.testing.assert_array_equal(mine.counts, theirs.counts)
    assert str(nets[0].check_inputs(X[:5])) == str(nets[1].check_inputs(X[:5]))


# ---- errors


def wrong(name, value):
    """Return parts of arrays with one value that cannot be used, in row 9 of part 2."""
    rng = np.random.default_rng(0)
    given = {"X": rng.normal(size=(M, 2)), "y": rng.integers(0, 3, M), "weights": np.ones(M)}
    if isinstance(value, str):
        given[name] = given[name].astype(object)
    given[name] = given[name] * 1.0 if isinstance(value, float) else given[name]
    given[name][(40, 1) if name == "X" else 40] = value
    return cut(*given.values())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("X", np.nan, "Input X contains NaN: row 9, column 1"),
        ("X", 1e200, "Input X contains 1e.200, a value too large for float32: row 9, column 1"),
        ("X", "text", r"X\[9, 1\] is 'text'"),
        ("y", np.nan, "Input y contains NaN: row 9"),
        ("y", "text", "y mixes numbers with text: row 0 is . row 9 is 'text'|y mixes"),
        ("weights", -1.0, "Negative values in sample_weight: row 9"),
    ],
)
def test_errors_name_the_part_and_the_row(name, value, message):
    with pytest.raises((TypeError, ValueError), match=f"^Part 2, counted from 0: {message}"):
        learn(wrong(name, value), network())


@pytest.mark.parametrize("encodes", [False, True])
def test_a_part_with_another_number_of_rows_in_y(encodes):
    net = network(categorical_features="auto" if encodes else None)
    parts = [(np.zeros((3, 2)), [0, 1, 2]), (np.zeros((3, 2)), [0, 1])]
    with pytest.raises(ValueError, match=r"^Part 1, counted from 0: X has 3 rows; y has 2"):
        learn(parts, net)
    with pytest.raises(ValueError, match=r"^Part 1, counted from 0: X has 0 rows; y has 2"):
        learn([parts[0], (np.zeros((0, 2)), [0, 1])], net)
    with pytest.raises(ValueError, match=r"^Part 1, counted from 0: X has 2 rows; sample_weight has 1"):
        learn([parts[0], (np.zeros((2, 2)), [0, 1], [1.0])], net)


def failing():
    raise OSError("no such file")


def test_a_part_that_cannot_be_read():
    parts = [(np.zeros((3, 2)), [0, 1, 2]), failing]
    with pytest.raises(OSError, match="no such file") as caught:
        learn(parts, network())
    assert "This is part 1 of the rows, counted from 0" in caught.value.__notes__[0]


def test_errors_of_columns_name_the_part():
    pandas = pytest.importorskip("pandas")
    net = network(categorical_features="auto", column_types={"a": "number"})
    parts = [(pandas.DataFrame({"a": [1.0]}), [0]), (pandas.DataFrame({"a": [2.0, "x"]}), [1, 2])]
    with pytest.raises(TypeError, match=r"^Part 1, counted from 0: X\['a'\] holds 'x' in row 1"):
        learn(parts, net)
    net = network(categorical_features="auto")
    parts[1] = pandas.DataFrame({"a": [2.0, np.inf]}), [1, 2]
    with pytest.raises(ValueError, match=r"^Part 1, counted from 0: X\['a'\] contains infinity: row 1"):
        learn(parts, net)


# ---- empty parts, known inputs, and passes


def test_empty_parts(rng, labels):
    X = rng.normal(size=(M, 2))
    whole = cut(X, labels)
    parts = [(X[:0], labels[:0]), *whole, (X[:0], labels[:0])]
    net = network(standardize=True)
    learned, expected = learn(parts, net, validation_fraction=0.2), learn(whole, net, validation_fraction=0.2)
    assert learned.n_rows == (0, *expected.n_rows, 0)
    assert sum(learned.n_held_out) == sum(expected.n_held_out)
    assert len(loaded(parts, net, learned)[0].X) == 0
    with pytest.raises(ValueError, match="All parts are empty"):
        learn(parts[:1], net)


def test_resumed_training_reads_rows_as_before(columns, labels):
    X = tables("pandas", {name: columns[name] for name in ("age", "city", "day")})
    net = network(categorical_features="auto", standardize=True).fit(ShardedRows(cut(X, labels)), epochs=1)
    inputs, statistics = net._inputs, net._trainer.stack.statistics
    net.fit(ShardedRows(cut(X[["day", "city", "age"]], labels)[:3]), epochs=1, warm_start=True)
    assert net._inputs.encoder is inputs.encoder, "columns are matched by their names"
    assert net._trainer.stack.statistics == statistics
    assert net._inputs.seen.summary.rows == M + sum(SIZES[:3])
    wrong = X[:30].assign(city="Oslo", age=["x"] * 30)
    with pytest.raises(TypeError, match=r"^Part 0, counted from 0: X\['age'\] holds 'x' in row 0"):
        net.fit(ShardedRows([(wrong, labels[:30])]), epochs=1, warm_start=True)
    learned = learn(cut(X, labels), net, inputs=net._inputs, targets=net._outputs.learned)
    assert learned.inputs is net._inputs


def counting(calls, part):
    calls.append(1)
    return part


def test_numbers_are_read_in_one_pass(columns, labels, rng):
    X = rng.normal(size=(M, 2))
    for options, request, expected in (
        ({"standardize": True}, {}, 1),
        ({"standardize": "robust"}, {}, 2),
        ({}, {"validation_fraction": 0.1}, 2),
        ({}, {"class_weight": "balanced"}, 2),
        ({"categorical_features": "auto"}, {}, 2),
    ):
        calls = []
        parts = [partial(counting, calls, part) for part in cut(X, labels)]
        learn(parts, network(**options), **request)
        assert len(calls) == expected * len(SIZES)


def test_the_number_of_parts_does_not_matter(columns, labels):
    X = tables("pandas", {name: columns[name] for name in ("age", "city", "day", "score")})
    net = network(categorical_features="auto", standardize=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = learn([(X, labels)], net)
        for ends in ([1], [50, 51], list(range(10, M, 10))):
            bounds = list(zip([0, *ends], [*ends, M], strict=True))
            learned = learn([(X[a:b], labels[a:b]) for a, b in bounds], net)
            np.testing.assert_allclose(learned.statistics, expected.statistics, rtol=1e-12)
            assert [c.column_type for c in learned.inputs.encoder.columns_] == [
                c.column_type for c in expected.inputs.encoder.columns_
            ]
            assert learned.counts.tolist() == expected.counts.tolist()


@pytest.mark.parametrize("most", [10**6, 50])
def test_tables_are_described_in_waves(most, monkeypatch, labels):
    """Columns with too many distinct values send none in later waves."""
    pandas = pytest.importorskip("pandas")
    for module in (column_facts, column_types, counted):
        monkeypatch.setattr(module, "MOST_LEVELS", most)
    X = pandas.DataFrame(
        {
            "text": [f"t{i % 120}" for i in range(M)],
            "day": [str(np.datetime64("2024-01-01") + i) for i in range(M)],
            "city": np.array(["a", "b", "c"])[labels],
        }
    )
    net = network(categorical_features="auto")
    with pytest.warns(CompiledNNWarning, match=r"1 column of X is left out: 'text' \(it is text with"):
        expected = learn(cut(X, labels), net).inputs.encoder
    sent = []

    def recorded(*arguments):
        found = describe(*arguments)
        sent.append(found.n_values)
        return found

    monkeypatch.setattr(passes, "describe", recorded)
    monkeypatch.setattr(passes, "_FEWEST", 2)
    monkeypatch.setattr(passes, "_VALUES", 1)
    with pytest.warns(CompiledNNWarning, match="it is text with"):
        learned = learn(cut(X, labels), net)
    assert repr(learned.inputs.encoder.columns_[2]) == repr(expected.columns_[2])
    assert [c.column_type.kind for c in expected.columns_] == ["text", "date", "category"]
    assert learned.inputs.encoder.columns_[1].first == expected.columns_[1].first
    assert len(sent) == len(SIZES)
    assert sent[:2] == [2 * 30 + 3, 3]
    assert (sent[4] == 3) == (most == 50)


def test_values_of_estimators_are_checked_before_training(rng):
    """Their targets are known after the pass over numbers; an error is found by the smallest and the largest value."""
    net, calls = network(1, loss="poisson"), []
    made = partial(cnn.training.targets.infer_targets, net._configuration.loss, 1)
    X, y = rng.normal(size=(M, 2)), rng.poisson(3, M).astype(float)
    learn([partial(counting, calls, part) for part in cut(X, y)], net, make_targets=made)
    assert len(calls) == len(SIZES)
    y[100] = -1
    with pytest.raises(ValueError, match=r"^Part 3, counted from 0: .*row 5"):
        learn(cut(X, y), net, make_targets=made)


def test_results_share_no_memory_with_parts(rng, labels):
    X, y = rng.normal(size=(M, 2)), rng.normal(size=M)
    for fraction in (None, 0.2):
        parts = cut(X, y)
        learned = learn(parts, network(1, loss="mse"), validation_fraction=fraction)
        found = [learned.sample, learned.sample_y, learned.y]
        found += [] if fraction is None else [learned.held_out.X, learned.held_out.y]
        assert not any(np.shares_memory(each, whole) for each in found for whole in (X, y))
