"""Comparison of X with the training rows: every kind of finding, and few findings for rows of the same distribution."""

import json

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.artefact import checking
from compiled_nn.artefact.inputs import Inputs
from compiled_nn.artefact.seen import Seen

RNG = np.random.default_rng(0)
N = 600
X = RNG.normal(size=(N, 4)) * [1, 10, 100, 0] + [0, 5, 1000, 7]
Y = np.arange(N) % 2


def table(rng, n):
    sizes = np.where(rng.random(n) < 0.05, np.nan, rng.normal(30, 5, n))
    cities = rng.choice(np.array(["Ulm", "Bern", "Rom"]), n)
    days = np.datetime64("2024-01-01") + rng.integers(0, 300, n)
    return [
        {"size": None if np.isnan(size) else float(size), "city": str(city), "sold": str(day)}
        for size, city, day in zip(sizes, cities, days, strict=True)
    ]


@pytest.fixture(scope="module")
def plain():
    return cnn.Network([cnn.Dense(2)], seed=0).fit(X, Y, epochs=1)


ENCODED = {"categorical_features": "auto", "column_types": {"sold": "date"}}
MODELS = {
    "Network": lambda: cnn.Network([cnn.Dense(2)], seed=0, **ENCODED).fit(table(RNG, N), Y, epochs=1),
    "Ensemble": lambda: cnn.Ensemble(cnn.Network([cnn.Dense(2)], seed=0, **ENCODED), n_members=2).fit(
        table(RNG, N), Y, epochs=1
    ),
    "MLPClassifier": lambda: cnn.MLPClassifier(max_iter=1, **ENCODED).fit(table(RNG, N), Y),
    "TabularClassifier": lambda: cnn.TabularClassifier(
        max_iter=1, n_members=2, column_types=ENCODED["column_types"]
    ).fit(table(RNG, N), Y),
}


@pytest.fixture(scope="module", params=MODELS)
def encoded(request):
    return MODELS[request.param]()


def kinds(report):
    return [(each.kind, each.column) for each in report.findings]


def test_training_rows_have_no_findings(plain, encoded):
    report = plain.check_inputs(X)
    assert not report
    assert len(report.rows) == 0
    assert repr(report) == (
        "600 rows compared with 600 of training: nothing unusual; 0 rows outside the ranges and categories of training"
    )


def test_values_beyond_the_range(plain):
    rows = X[:40].copy()
    rows[3, 1], rows[5, 1], rows[7, 2] = 500, 900, -1e6
    report = plain.check_inputs(rows)
    assert kinds(report) == [("range", "x1"), ("range", "x2")]
    assert report.findings[0].rows == (3, 5)
    assert report.findings[0].text == f"2 of 40 above {X[:, 1].max():.6g}, up to 900"
    assert report.findings[1].text == f"1 of 40 below {X[:, 2].min():.6g}, down to -1e+06"
    assert report.rows.tolist() == [3, 5, 7]
    assert "x1      range    2 of 40 above" in repr(report)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["rows"] == [3, 5, 7]
    assert "<td>range</td>" in report._repr_html_()


def test_a_value_slightly_beyond_is_listed_and_not_a_finding(plain):
    rows = X[:40].copy()
    rows[4, 0] = np.nextafter(X[:, 0].max(), 9)
    report = plain.check_inputs(rows)
    assert not report
    assert report.rows.tolist() == [4]
    assert len(report.columns["x0"].outside) == 1


@pytest.mark.parametrize("rows", [1, 100])
def test_one_row_and_many(plain, rows):
    assert kinds(plain.check_inputs(np.tile([[0.0, 5.0, 1e5, 7.0]], (rows, 1))))[-1:] == [
        ("range", "x2") if rows == 1 else ("drift", "x2")
    ]


def test_a_constant_whose_mean_is_rounded(plain):
    still = np.tile(X, (3, 1))[:1017]
    still[:, 0] = 0.1
    assert np.full(1017, 0.1).std() > 0
    assert ("constant", "x0") in kinds(plain.check_inputs(still))


def test_drift_constant_and_units(plain):
    moved = np.add(X[:200], [0.5, 0, 0, 0])
    assert kinds(plain.check_inputs(moved)) == [("drift", "x0")]
    assert "a shift of 0." in plain.check_inputs(moved).findings[0].text
    still = np.tile(X, (3, 1))
    still[:, 0] = 0.1
    assert ("constant", "x0") in kinds(plain.check_inputs(still))
    thousand = X[:200] * [1, 1, 1000, 1]
    texts = [each.text for each in plain.check_inputs(thousand).findings if each.kind == "drift"]
    assert len(texts) == 1
    assert texts[0].endswith("about 10**3 times as large: another unit?")


def test_tables(encoded):
    rows = table(np.random.default_rng(5), 50)
    assert not encoded.check_inputs(rows)
    rows[2]["city"] = rows[9]["city"] = "Mars"
    rows[3]["sold"] = "2090-01-01"
    for row in rows[20:]:
        row["size"] = None
    report = encoded.check_inputs(rows)
    assert kinds(report) == [("missing", "size"), ("range", "sold"), ("unknown", "city")]
    by_kind = {each.kind: each for each in report.findings}
    assert by_kind["unknown"].text == "2 of 50 unknown: Mars (2)"
    assert by_kind["unknown"].rows == (2, 9)
    assert by_kind["range"].text.endswith("up to 2090-01-01")
    assert report.columns["city"].unknown == {"Mars": 2}
    assert report.rows.tolist() == [2, 3, 9]


def test_columns_are_matched_by_name(encoded):
    rows = [dict(reversed(row.items())) for row in table(np.random.default_rng(6), 50)]
    assert not encoded.check_inputs(rows)
    assert not encoded.check_inputs(rows[0])


def test_bad_rows_raise_as_predict_does(plain, encoded):
    for model, rows in (
        (plain, X[:, :2]),
        (plain, np.full((2, 4), np.nan)),
        (encoded, [{"size": "x", "city": "Ulm", "sold": "2024-01-01"}]),
        (encoded, [{"size": 1}]),
    ):
        errors = []
        for method in (model.predict, model.check_inputs):
            with pytest.raises((TypeError, ValueError)) as error:
                method(rows)
            errors.append(str(error.value))
        assert errors[0] == errors[1]


def test_unknown_training_is_an_error():
    net = cnn.Network([cnn.Dense(2)])
    net.set_weights([(np.ones((4, 2)), np.zeros(2))])
    with pytest.raises(ValueError, match="It is not known which rows the model was trained on"):
        net.check_inputs(X)


def test_images_and_sparse_rows():
    images = RNG.integers(0, 256, (100, 12, 12)) / 255
    net = cnn.Network([cnn.Dense(2)], seed=0).fit(images, Y[:100], epochs=1)
    assert not net.check_inputs(RNG.random((50, 12, 12)))
    assert kinds(net.check_inputs(images * 255)) == [("range", "all columns")]
    sparse = pytest.importorskip("scipy.sparse", reason="sparse matrices are those of scipy")
    rows = np.where(RNG.random((100, 200)) < 0.1, RNG.random((100, 200)), 0)
    net = cnn.Network([cnn.Dense(2)], seed=0).fit(sparse.csr_matrix(rows), Y[:100], epochs=1)
    assert not net.check_inputs(sparse.csr_matrix(rows))
    assert kinds(net.check_inputs(sparse.csr_matrix(rows * 100))) == [("range", "all columns")]


def test_the_model_is_not_changed(plain):
    before, seen = plain.get_weights()[0][0].tobytes(), plain._inputs.seen.summary
    plain.check_inputs(X * 1000)
    assert plain.get_weights()[0][0].tobytes() == before
    assert plain._inputs.seen.summary.equals(seen)


DISTRIBUTIONS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "uniform": lambda rng, shape: rng.random(shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape),
    "lognormal": lambda rng, shape: rng.lognormal(size=shape),
    "rare events": lambda rng, shape: (rng.random(shape) < 0.01).astype(float),
    "counts": lambda rng, shape: rng.poisson(2, shape).astype(float),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_few_findings_for_rows_of_the_same_distribution(name):
    rng, draw, k, calls, found = np.random.default_rng(1), DISTRIBUTIONS[name], 6, 0, 0
    for n, m in ((200, 20), (500, 1), (500, 500)):
        for _ in range(80):
            seen = Seen(None, k)
            seen.add(draw(rng, (n, k)))
            found += bool(checking.check(Inputs(k, "float64", seen=seen), draw(rng, (m, k))))
            calls += 1
    # At most one of 100 calls: of 240, more than 8 with a probability below 0.1 %.
    assert calls == 240
    assert found <= 8


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool, np.float32])
def test_dtypes(dtype):
    rows = RNG.integers(0, 2, (100, 3)).astype(dtype)
    net = cnn.Network([cnn.Dense(2)], seed=0).fit(rows, Y[:100], epochs=1)
    assert not net.check_inputs(rows)
    assert kinds(net.check_inputs([[1e30, 0, 0]])) == [("range", "x0")]
