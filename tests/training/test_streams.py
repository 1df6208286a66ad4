"""Batches that come one after the other: the same training as on data at hand, with bounded memory; Parquet."""

import tracemalloc

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import schedules
from compiled_nn.callbacks import EarlyStopping
from compiled_nn.streams import ParquetBatches
from small import bits, blobs, classifier, regressor

X, y = blobs()
PARTS = [(X[i : i + 30], y[i : i + 30]) for i in range(0, 90, 30)]


class Counted:
    """Pairs that can be iterated over again, and how often they were."""

    def __init__(self, parts):
        self.parts, self.times = parts, 0

    def __iter__(self):
        self.times += 1
        return iter(self.parts)


@pytest.mark.parametrize("make", [lambda: PARTS, lambda: lambda: iter(PARTS), lambda: Counted(PARTS)])
@pytest.mark.parametrize("batch_size", [30, 15])
def test_it_is_training_on_all_rows(make, batch_size):
    net = classifier().fit(make(), epochs=4, batch_size=batch_size, shuffle=False)
    twin = classifier().fit(X, y, epochs=4, batch_size=batch_size, shuffle=False)
    assert bits(net) == bits(twin)
    assert net.history["loss"] == pytest.approx(twin.history["loss"], rel=1e-12)
    assert net.history["epoch"] == [1, 2, 3, 4]
    assert net.history["learning_rate"] == twin.history["learning_rate"]
    assert net.stop_reason_ == "max_iter"


def test_it_is_read_once_an_epoch_and_once_before():
    batches = Counted(PARTS)
    classifier().fit(batches, epochs=3)
    assert batches.times == 4


def test_rows_are_shuffled_within_an_item():
    shuffled, ordered = (
        classifier().fit(PARTS, epochs=1, batch_size=10, shuffle=each) for each in (True, False)
    )
    assert bits(shuffled) != bits(ordered)
    assert bits(shuffled) == bits(classifier().fit(PARTS, epochs=1, batch_size=10))


WEIGHTS = np.random.default_rng(1).random(90)
WEIGHTED = [(*part, WEIGHTS[30 * i : 30 * i + 30]) for i, part in enumerate(PARTS)]


@pytest.mark.parametrize("batch_size", [30, 15])
def test_weights_of_items(batch_size):
    """The loss of an epoch is the mean over the rows of all items, in another order of summation."""
    options = {"epochs": 3, "shuffle": False, "batch_size": batch_size}
    net = classifier().fit(WEIGHTED, **options)
    twin = classifier().fit(X, y, sample_weight=WEIGHTS, **options)
    assert bits(net) == bits(twin)
    assert net.history["loss"] == pytest.approx(twin.history["loss"], rel=1e-12)
    assert bits(net) != bits(classifier().fit(PARTS, **options))


def test_items_without_weights_have_weights_of_one():
    mixed = [WEIGHTED[0], PARTS[1], (*PARTS[2], None)]
    ones = [WEIGHTED[0], (*PARTS[1], np.ones(30)), (*PARTS[2], np.ones(30))]
    assert bits(classifier().fit(mixed, epochs=2)) == bits(classifier().fit(ones, epochs=2))


def test_an_item_of_weight_0_is_skipped():
    nothing = (*PARTS[1], np.zeros(30))
    expected = classifier().fit([PARTS[0], PARTS[2]], epochs=2)
    net = classifier().fit([PARTS[0], nothing, PARTS[2]], epochs=2)
    assert bits(net) == bits(expected)
    assert net.history["loss"] == expected.history["loss"]
    with pytest.raises(ValueError, match="or only rows of weight 0"):
        classifier().fit([nothing])


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.ones(29), "X has 30 rows; sample_weight has 29"),
        (-np.ones(30), "Negative values in sample_weight"),
        (np.full(30, np.nan), "sample_weight contains NaN"),
    ],
)
def test_bad_weights_of_items(weights, words):
    with pytest.raises(ValueError, match=words):
        classifier().fit([PARTS[0], (*PARTS[1], weights)])


def test_an_epoch_is_one_for_schedules():
    net = classifier(optimizer=cnn.SGD(schedules.Step(0.1, 1, 0.5, per="epoch"))).fit(PARTS, epochs=3)
    assert net.history["learning_rate"] == [0.1, 0.05, 0.025]


def test_two_calls_are_one():
    net = classifier().fit(PARTS, epochs=2).fit(PARTS, epochs=2, warm_start=True)
    assert bits(net) == bits(classifier().fit(PARTS, epochs=4))


def test_classes_that_come_later():
    parts = [(X[y < 2], y[y < 2]), (X[y == 2], y[y == 2])]
    with pytest.raises(ValueError, match="y has 2 classes; the network has 3 outputs"):
        classifier().fit(parts)
    assert classifier().fit(parts, classes=[0, 1, 2]).classes_.tolist() == [0, 1, 2]


def test_validation_stops_it():
    wrong = (X[:20], (y[:20] + 1) % 3)
    net = classifier(optimizer=cnn.Adam(0.1)).fit(
        PARTS,
        epochs=500,
        validation_data=wrong,
        early_stopping=EarlyStopping(patience=2),
        metrics=["accuracy"],
    )
    assert net.stop_reason_ == "early_stopping"
    assert net.history["val_accuracy"] == net.history["val_score"]


def test_standardisation_is_that_of_the_first_item():
    net = classifier(standardize=True).fit(PARTS, epochs=1)
    np.testing.assert_allclose(net.mean_, PARTS[0][0].mean(axis=0, dtype=float), rtol=1e-12)


def test_divergence():
    parts = [(X, X[:, 0]), (X * 1e30, X[:, 0])]
    net = regressor(optimizer=cnn.SGD(1e10))
    with pytest.raises(cnn.DivergenceError, match="Epoch 1"):
        net.fit(parts, epochs=3)
    assert net.history["epoch"] == []
    assert np.isfinite(net.predict(X)).all()


@pytest.mark.parametrize(
    ("batches", "arguments", "error", "message"),
    [
        (iter(PARTS), {}, TypeError, "is an iterator of batches"),
        ([], {}, ValueError, "yields no batches"),
        (X, {}, TypeError, r"y is None, so X must yield pairs .*\. Got ndarray"),
        (3, {}, TypeError, r"y is None, so X must be an iterable of pairs \(X, y\)\. Got int"),
        (PARTS, {"validation_fraction": 0.1}, ValueError, "validation_fraction needs X and y in memory"),
        ([(X, y, None, None)], {}, TypeError, "Got tuple of 4 items"),
        ([(X,)], {}, TypeError, "Got tuple of 1 item instead"),
        (PARTS, {"sample_weight": np.ones(90)}, ValueError, r"as \(X, y, sample_weight\)"),
        (PARTS, {"n_batches": 3}, ValueError, "n_batches"),
        (PARTS, {"gram": True}, ValueError, "gram"),
        ([*PARTS, (X[:, :2], y)], {}, ValueError, "2 features|2 columns"),
        ([*PARTS, (X, y + 5)], {}, ValueError, "7"),
    ],
)
def test_refusals(batches, arguments, error, message):
    with pytest.raises(error, match=message):
        classifier().fit(batches, **arguments)


def test_a_memory_map_is_not_copied(tmp_path):
    """Some 16 MB on the disk, of which training has a few hundred kB in memory at a time."""
    big = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float32, (200_000, 20))
    big[:] = np.random.default_rng(0).normal(size=(200_000, 20))
    labels = np.arange(200_000) % 3
    big.flush()
    rows = np.load(tmp_path / "X.npy", mmap_mode="r")

    def read():
        for i in range(0, 200_000, 5000):
            yield rows[i : i + 5000], labels[i : i + 5000]

    for arguments in ((rows, labels), (read,)):
        tracemalloc.start()
        try:
            classifier(standardize=True).fit(*arguments, epochs=1, batch_size=256)
            assert (
                tracemalloc.get_traced_memory()[1] < 8e6
            )  # labels, their order, and the core's copies of both
        finally:
            tracemalloc.stop()


class TestParquet:
    @pytest.fixture
    def folder(self, tmp_path):
        """Two files of numbers of several types, and a label."""
        arrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        for i, rows in enumerate((slice(0, 50), slice(50, 90))):
            columns = {f"x{j}": X[rows, j] for j in range(4)} | {
                "flag": y[rows] > 1,
                "count": y[rows].astype("int32"),
            }
            names = np.array(["no", "yes", "maybe"])[y[rows]]
            parquet.write_table(arrow.table({**columns, "label": names}), tmp_path / f"{i}.parquet")
        return tmp_path

    def test_the_rows(self, folder):
        batches = ParquetBatches(folder, "label", batch_rows=20)
        assert batches.columns == ["x0", "x1", "x2", "x3", "flag", "count"]
        for _ in range(2):
            parts = list(batches)
            assert max(len(labels) for _, labels in parts) == 20
            rows = np.concatenate([part for part, _ in parts])
            np.testing.assert_array_equal(rows[:, :4], X)
            np.testing.assert_array_equal(rows[:, 4], y > 1)
            assert np.concatenate([labels for _, labels in parts])[:3].tolist() == ["no", "yes", "maybe"]

    def test_training(self, folder):
        batches = ParquetBatches(
            folder / "0.parquet", "label", columns=["x0", "x1", "x2", "x3"], batch_rows=25
        )
        names = np.array(["no", "yes", "maybe"])[y[:50]]
        parts = [(X[:25], names[:25]), (X[25:50], names[25:])]
        assert bits(classifier().fit(batches, epochs=3)) == bits(classifier().fit(parts, epochs=3))

    def test_refusals(self, folder):
        import pyarrow
        import pyarrow.dataset

        with pytest.raises(ValueError, match=r"no column 'labl'.*Did you mean 'label'"):
            ParquetBatches(folder, "labl")
        with pytest.raises(TypeError, match=r"X\['label'\].*the network takes real numbers"):
            regressor().fit(ParquetBatches(folder, "x0"))
        with pytest.raises(ValueError, match="0 columns for X"):
            ParquetBatches(folder, "x0", columns=[])
        table = pyarrow.dataset.dataset(pyarrow.table({"a": [1.0, None], "b": [0, 1]}))
        with pytest.raises(ValueError, match="Input X contains NaN: row 1, column 'a'"):
            classifier(2).fit(ParquetBatches(table, "b"))
        for options in ({"target": "a"}, {"target": "b", "weights": "a"}):
            with pytest.raises(ValueError, match="Column 'a' has missing values"):
                list(ParquetBatches(table, columns=["b"], **options))
        with pytest.raises(ValueError, match="no column 'w'"):
            ParquetBatches(table, "b", weights="w")

    def test_memory_is_bounded(self, tmp_path):
        """A file of 40 MB is read in batches of 0.4 MB."""
        arrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        rng = np.random.default_rng(0)
        columns = {f"x{j}": rng.normal(size=250_000) for j in range(20)} | {"y": np.arange(250_000) % 3}
        parquet.write_table(arrow.table(columns), tmp_path / "big.parquet", row_group_size=10_000)
        del columns
        batches = ParquetBatches(tmp_path / "big.parquet", "y", batch_rows=2500)
        before = arrow.total_allocated_bytes()
        tracemalloc.start()
        most = 0
        try:
            for _ in batches:
                most = max(most, arrow.total_allocated_bytes() - before)
            assert tracemalloc.get_traced_memory()[1] < 4e6
        finally:
            tracemalloc.stop()
        assert most < 30e6


def test_pyarrow_absent(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow.dataset", None)
    with pytest.raises(
        ImportError, match=r'reading Parquet needs pyarrow; pip install "compiled-nn\[arrow\]"'
    ):
        ParquetBatches("x", "y")
