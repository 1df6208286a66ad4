"""The page of a report: its numbers, its text and its form."""

import io
import re
from html.parser import HTMLParser

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import metrics
from reports import TRAINED, M, classes, classifier, report, table

SECTIONS = ["Scores", "Importance", "Predictions", "Columns", "How it was made", "Training", "Model"]
VOID = {"meta", "br", "use", "path", "image"}


class Page(HTMLParser):
    """Elements, tables by section, headings and descriptions of drawings; unclosed elements are an error."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.headings, self.labels, self.tables, self.attributes = [], [], [], [], {}, []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.attributes += [(tag, *pair) for pair in attributes]
        self.ids += [values["id"]] if "id" in values else []
        if tag == "svg":
            assert values["role"] == "img"
            self.labels.append(values["aria-label"])
        if tag == "tr":
            self.tables.setdefault(self.headings[-1], []).append([])
        if tag in ("th", "td"):
            self.tables[self.headings[-1]][-1].append("")
        if tag in ("h1", "h2"):
            self.headings.append("")
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("th", "td"):
            self.tables[self.headings[-1]][-1][-1] += data
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings[-1] += data


def numbers(page, section):
    return {name: values for name, *values in Page(page).tables[section]}


def test_sections_and_their_form(page_of_classes, page_of_values, page_of_extremes):
    for page in (page_of_classes, page_of_values, page_of_extremes):
        read = Page(page)
        assert read.headings[1:] == SECTIONS
        assert len(set(read.ids)) == len(read.ids)
        assert all(read.labels)
        assert not re.search(r"https?:|<script|<link|@import|javascript:", page)
        loaded = [
            (name, value) for _, name, value in read.attributes if name in ("src", "href", "xlink:href")
        ]
        assert all(value.startswith(("#", "data:image/png;base64,")) for _, value in loaded)
        assert "prefers-color-scheme: dark" in page
        assert "@media print" in page
        assert len(page) < 2_000_000
        assert not re.search(r"\d\d:\d\d:\d\d|#010203", page)


def test_text_is_escaped(page_of_classes):
    read = Page(page_of_classes)
    assert read.headings[0] == "Report of <churn>.csv"
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page_of_classes
    assert numbers(page_of_classes, "How it was made")["command"] == [
        "compiled-nn train <churn>.csv --target Churn"
    ]
    assert "<script>alert(1)</script>" in numbers(page_of_classes, "Columns")


def test_columns(page_of_classes):
    found = numbers(page_of_classes, "Columns")
    missing = np.isnan(table()["age"][:TRAINED]).mean()
    kind, share, values, made = found["age"]
    assert (kind, share) == ("number", f"{missing:.1%}")
    assert values.startswith(f"{np.nanmin(table()['age'][:TRAINED]):g} to ")
    assert made == "scaled; missing: the mean, one more column marks them"
    assert found["city"] == ["category", "25.0%", "3: <b>Oslo</b>, Rome, Ulm", "3 columns of 0 and 1"]
    assert found["since"][2] == "2020-01-01 to 2020-03-30"
    assert found["constant"][::3] == ["constant", "left out: it has the same value in every row"]
    assert found["customer_id"] == [
        "identifier",
        "",
        f"{TRAINED} different",
        "left out: its values are all different",
    ]


def test_scores_of_classes(page_of_classes):
    X = table()
    y = classes(X)
    test, train = y[TRAINED:], y[:TRAINED]
    model = classifier()
    report(model, X, y)
    p = model.predict_proba(X.take(slice(TRAINED, None)))
    labels, counts = np.unique(train, return_counts=True)
    found = numbers(page_of_classes, "Scores")
    most = labels[counts.argmax()]
    constant = np.tile(counts / counts.sum(), (len(test), 1))
    assert found["accuracy"] == [
        f"{metrics.accuracy(test, model.classes_[p.argmax(axis=1)]):.4f}",
        f"{(test == most).mean():.4f}",
    ]
    assert found["log loss, lower is better"] == [
        f"{metrics.log_loss(test, p):.4f}",
        f"{metrics.log_loss(test, constant):.4f}",
    ]
    assert found["area under the ROC curve"] == [f"{metrics.roc_auc(test, p):.4f}", "0.5000"]
    table_of_classes = numbers(page_of_classes, "Predictions")
    assert table_of_classes["yes"][0] == str((test == "yes").sum())
    recall = metrics.recall(test, model.predict(X.take(slice(TRAINED, None))), positive="yes")
    assert table_of_classes["yes"][2] == f"{recall:.3f}"
    importance = cnn.permutation_importance(model, X.take(slice(TRAINED, None)), test)
    first = importance.feature_names[importance.order[0]]
    assert numbers(page_of_classes, "Importance")[first][0] == f"{importance.importances_mean.max():.4f}"
    assert "constant" not in numbers(page_of_classes, "Importance")  # the model leaves it out
    score = f"{importance.score:.4f}"
    assert (
        f"On 60 test rows, the accuracy is {score}; with the most frequent class for each row it is "
        in page_of_classes
    )
    assert (
        "60 test rows, beside a constant prediction, which follows from 180 training rows" in page_of_classes
    )


def test_values_and_intervals(page_of_values):
    assert "Intervals that shall contain the value of 90% of the rows do so in" in page_of_values
    found = numbers(page_of_values, "Scores")
    assert float(found["R²"][0]) > 0.5 > abs(float(found["R²"][1]))
    assert "Prediction intervals for 90% of the rows." in Page(page_of_values).labels
    assert numbers(page_of_values, "Predictions")["100% of the rows"]


def test_the_same_model_gives_the_same_bytes(page_of_classes):
    X = table()
    details = {"command": "compiled-nn train <churn>.csv --target Churn", "seed": 0}
    assert report(classifier(), X, classes(X), title="<churn>.csv", details=details) == page_of_classes


def test_without_matplotlib(monkeypatch):
    monkeypatch.setattr("compiled_nn.report.pictures.find_spec", lambda name: None)
    X = table()
    page = report(classifier(2), X, classes(X))
    assert "<svg" not in page
    assert "The pictures need matplotlib, which is not installed" in page
    assert Page(page).headings[1:] == SECTIONS


def test_without_test_rows_and_of_an_array(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    net = cnn.Network([cnn.Dense(2)], loss="mse", seed=0).fit(X, X[:, :2], epochs=2)
    path = tmp_path / "report.html"
    cnn.report.write(path, net, X[:0], X[:0, :2], X_train=X, y_train=X[:, :2])
    page = path.read_text(encoding="utf-8")
    assert "There are no test rows: the scores are those of rows that were trained on." in page
    assert "On 60 training rows, the R² is " in page
    assert numbers(page, "Columns")["x2"][0] == "number"
    assert Page(page).headings == [
        "Report of a Network",
        *[name for name in SECTIONS if name != "Predictions"],
    ]
    one = cnn.MLPClassifier(max_iter=2).fit(X, X[:, 0] > 0)
    cnn.report.write(path, one, X, X[:, 0] > 0)
    assert "<h1>Report of an MLPClassifier</h1>" in path.read_text(encoding="utf-8")


def test_a_class_that_is_missing_and_images():
    data = cnn.datasets.load_digits()
    net = cnn.Network([cnn.Dense(10)], seed=0).fit(data.X_train, data.y_train, epochs=1)
    few = data.y_test < 8
    file = io.BytesIO()
    cnn.report.write(file, net, data.X_test[few], data.y_test[few])
    page = file.getvalue().decode()
    assert "area under the ROC curve" not in numbers(page, "Scores")
    assert numbers(page, "Predictions")["9"][0] == "0"


def write(model, X, y, **options):
    file = io.BytesIO()
    cnn.report.write(file, model, X, y, **options)
    return file.getvalue().decode()


RNG = np.random.default_rng(1)
X = RNG.normal(size=(40, 3))
VALUE, LABELS = X[:, 0], (X[:, :3] > 0).astype(int)


def network(n, **options):
    return cnn.Network([cnn.Dense(n)], seed=0, **options)


def test_metrics_of_the_user():
    rare = (X[:, 0] > 1).astype(int)
    model = cnn.MLPClassifier(max_iter=100, random_state=0).fit(X, rare)
    page = write(model, X, rare, metrics=["f1", "log_loss"])
    found = numbers(page, "Scores")
    assert list(found)[:3] == ["score", "f1", "log loss, lower is better"]
    assert found["f1"][0] == f"{metrics.f1(rare, model.predict(X)):.4f}"
    assert "How much worse the f1 becomes" in page
    assert write(model, X, rare, metrics="f1").count("<tr>") == page.count("<tr>")
    one = write(model, X, np.zeros(40, int), metrics=["roc_auc"])
    assert numbers(one, "Scores")["area under the ROC curve (roc_auc)"] == ["not defined", "not defined"]
    assert "How much worse the accuracy becomes" in one


def test_several_labels():
    net = network(3, loss="binary_cross_entropy").fit(X, LABELS, epochs=20)
    page = write(net, X, LABELS)
    right = net.predict(X) == LABELS
    assert numbers(page, "Scores")["rows with all labels right"][0] == f"{right.all(axis=1).mean():.4f}"
    assert numbers(page, "Predictions")["1"][0] == str(LABELS[:, 1].sum())


@pytest.mark.parametrize("quantiles", [(0.1, 0.5, 0.9), (0.1, 0.9), (0.9,)])
def test_quantiles(quantiles):
    net = network(len(quantiles), loss=cnn.losses.Quantile(quantiles)).fit(X, VALUE, epochs=2)
    page = write(net, X, VALUE)
    below = (VALUE[:, None] <= net.predict(X).reshape(40, -1)).mean(axis=0)
    shares = numbers(page, "Predictions")
    assert [shares[f"{level:g}"][0] for level in quantiles] == [f"{share:.3f}" for share in below]
    assert ("R²" in numbers(page, "Scores")) == (0.5 in quantiles)


def test_a_single_row_and_a_single_class():
    regressor, classifier = (
        kind(max_iter=1, random_state=1) for kind in (cnn.MLPRegressor, cnn.MLPClassifier)
    )
    page = write(regressor.fit(X, VALUE), X[:1], VALUE[:1], X_train=X, y_train=VALUE)
    assert "R²" not in numbers(page, "Scores")
    assert "Importances need at least 2 rows, and 2 classes or values." in page
    same = np.zeros(40, int)
    assert numbers(write(classifier.fit(X, same), X, same), "Scores")["accuracy"] == ["1.000", "1.000"]


def test_rows_of_other_types():
    y = X[:, 0] > 0
    records = [{"a": float(row[0]), "t": "<i>" if row[1] > 0 else "y"} for row in X]
    page = write(cnn.MLPClassifier(max_iter=1, categorical_features="auto").fit(records, y), records, y)
    assert numbers(page, "Columns")["t"][2].startswith("2: ")
    sparse = pytest.importorskip("scipy.sparse").csr_array(X)
    assert "<h2>Scores" in write(cnn.MLPClassifier(max_iter=1).fit(sparse, y), sparse, y)


def test_pictures_of_many_rows_are_of_a_sample():
    X = np.random.default_rng(2).normal(size=(6000, 2))
    net = network(1, loss="mse").fit(X, X[:, 0], epochs=1)
    assert "On 5,000 of 6,000 test rows, drawn at random, it is " in write(net, X, X[:, 0])


def test_bad_input(tmp_path):
    model = cnn.MLPClassifier(max_iter=1)
    X = np.eye(4)
    with pytest.raises(cnn.NotFittedError):
        cnn.report.write(tmp_path / "a.html", model, X, [0, 1, 0, 1])
    model.fit(X, [0, 1, 0, 1])
    with pytest.raises(ValueError, match="X has 4 rows; y has 3"):
        cnn.report.write(tmp_path / "a.html", model, X, [0, 1, 0])
    with pytest.raises(ValueError, match="'coverage' parameter of write must be"):
        cnn.report.write(tmp_path / "a.html", model, X, [0, 1, 0, 1], coverage=2)
    for y, message in (([], "X and y have no rows"), ([0, 1, 0, 7], "`y` has classes not in")):
        with pytest.raises(ValueError, match=message):
            cnn.report.write(tmp_path / "a.html", model, X[: len(y)], y)
    with pytest.raises(ValueError, match="`y_train` has classes not in"):
        cnn.report.write(tmp_path / "a.html", model, X, [0, 1, 0, 1], X_train=X, y_train=[0, 1, 0, 5])
    with pytest.raises(ValueError, match="X_train has 4 rows; y_train has 2"):
        cnn.report.write(tmp_path / "a.html", model, X, [0, 1, 0, 1], X_train=X, y_train=[0, 1])
    with pytest.raises(
        TypeError, match=r"must be a Network, an Ensemble or an estimator of compiled_nn\. Got object"
    ):
        cnn.report.write(tmp_path / "a.html", object(), X, [0, 1, 0, 1])
    assert not list(tmp_path.iterdir())
    assert M > TRAINED
