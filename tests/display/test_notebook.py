"""What a notebook shows of a network: well-formed, escaped, small, and nothing from elsewhere."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.display import notebook
from figures import SVG, parsed
from small import blobs, classifier

X, y = blobs()
VOID = {"path", "line", "circle", "ellipse"}


class Page(HTMLParser):
    """Tags, which must nest; the text; the rows of tables by their first cell."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text, self.rows, self.changed = [], [], [], {}, set()
        self.feed(html)
        assert not self.open

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_starttag(self, tag, attributes):
        assert tag not in VOID or tag == "line"
        self.tags.append(tag)
        self.open.append(tag)
        if tag == "tr":
            self._row, self._changed = [], ("class", "changed") in attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "tr":
            self.rows[self._row[0]] = self._row[1:]
            self.changed |= {self._row[0]} if self._changed else set()

    def handle_data(self, data):
        self.text.append(data)
        if self.open[-1:] in (["td"], ["th"]):
            self._row.append(data)


def page(net):
    html = net._repr_html_()
    assert len(html) < 60_000
    assert not re.search(r"<(script|img|link|iframe|object)|href|src=|url\(|@import|javascript:", html)
    assert set(re.findall(r"https?://[^\"]*", html)) <= {"http://www.w3.org/2000/svg"}
    return Page(html)


def curve(net):
    return parsed(notebook.loss_curve(net.history))


def test_fitted():
    net = classifier(l2=0.5).fit(X, y, epochs=2)
    shown = page(net)
    assert "fitted" in shown.text
    assert "4-8-3" in "".join(shown.text)
    assert shown.rows["0"][:4] == ["4", "8", "tanh", "40"]
    assert "67" in shown.rows["total"]
    assert shown.tags.count("svg") == 2  # the diagram and the curve
    assert shown.changed == {"l2", "optimizer", "seed"}
    assert shown.rows["l2"] == ["0.5", "changed"]
    assert shown.rows["dtype"] == ["'float32'"]


def test_not_fitted():
    shown = page(
        cnn.Network([cnn.Dense(4, "relu", bias=False, init=np.ones((2, 4))), cnn.Dense(2)], n_threads=1)
    )
    assert "not fitted" in shown.text
    assert shown.rows["0"] == ["?", "4", "relu", "?", "?", "?", "bias=False, init=<array 2 x 4>"]
    assert shown.tags.count("svg") == 1
    assert shown.changed == {"n_threads"}


def test_changed_parameters_are_first_and_others_folded():
    html = classifier(l2=0.5)._repr_html_()
    changed, folded = html.index(">l2<"), html.index("parameters with their defaults")
    assert changed < folded < html.index(">dtype<")
    assert html[html.rindex("<details", 0, folded) :].startswith("<details><summary>")  # closed
    plain = cnn.Network([cnn.Dense(2)])._repr_html_()
    assert "21 parameters with their defaults" in plain


def test_the_bundle_has_text_and_html():
    net = classifier()
    bundle = net._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {"text/plain": repr(net), "text/html": net._repr_html_()}


def test_a_table_with_categories_shows_the_encoded_columns():
    table = [[a, "uvw"[i % 3]] for i, a in enumerate(X[:, 0].tolist())]
    net = cnn.Network([cnn.Dense(3)], categorical_features=[1], seed=0).fit(table, y, epochs=1)
    shown = page(net)
    assert "4-3" in "".join(shown.text)
    assert "4 inputs" in shown.text
    assert shown.text[shown.text.index("Network")] == "Network"
    estimator = cnn.MLPClassifier(max_iter=1, hidden_layer_sizes=3).fit(X, y)
    assert "Network" in page(estimator.network_).text  # not the name of an internal class
    assert "MLPClassifier" in page(estimator).text


def people(m=60):
    return {
        "age": [20 + i % 31 for i in range(m)],
        "<city> & more of a name with 40 characters": ["Bonn", "Ulm", None] * (m // 3),
        "id": [f"C{i:03}" for i in range(m)],
        "since": [np.datetime64("2024-01-31") - np.timedelta64(i // 2, "D") for i in range(m)],
        "note": ["x"] * m,
    }


@pytest.mark.parametrize("kind", ["network", "estimator"])
def test_columns_of_a_table_have_their_types(kind):
    table, classes = people(), [f"class {i:02} with a name of forty characters" for i in range(30)] * 2
    options = {"categorical_features": "auto", "column_types": {"id": "ignore", "note": "ignore"}}
    if kind == "network":
        net = cnn.Network([cnn.Dense(30)], seed=0, **options).fit(table, classes, epochs=1)
    else:
        net = cnn.MLPClassifier(max_iter=1, hidden_layer_sizes=(), **options).fit(table, classes)
    shown = page(net)
    assert "on a table of 5 columns" in "".join(shown.text)
    assert "5 columns, encoded as 6 inputs" in shown.text
    assert shown.rows["column"] == ["type", "inputs", "encoding"]
    assert shown.rows["age"][:2] == ["number", "1"]
    assert shown.rows["<city> & more of a name with 40 characters"][:2] == ["category", "2"]
    assert shown.rows["id"][:2] == ["ignore", "0"]
    assert shown.rows["id"][2] == "left out: ignored by column_types"
    assert shown.rows["since"][:2] == ["date", "3"]
    assert "<city> & more of a na..." in shown.text  # beside its unit in the diagram
    assert "class 00 with a name ..." in shown.text
    assert "class 15 with a name ..." not in shown.text  # its unit is not drawn
    assert net.input_names_.tolist()[0] == "age"
    encoder = net.encoder_ if kind == "network" else net.network_.encoder_
    alone = Page(encoder._repr_html_())
    assert all(shown.rows[name] == row for name, row in alone.rows.items())
    assert len(alone.rows) == 6
    assert Page(cnn.preprocessing.Tabular(min_frequency=2)._repr_html_()).text == ["Tabular(min_frequency=2)"]


def test_many_columns_are_folded():
    table = {f"column {i:03} with a name of forty characters": X[:, 0] for i in range(200)}
    net = cnn.Network([cnn.Dense(3)], categorical_features="auto", seed=0).fit(table, y, epochs=1)
    html = net._repr_html_()
    assert (
        html.index("column 019") < html.index("<details><summary>180 more columns") < html.index("column 020")
    )
    assert len(page(net).rows) > 200
    plain = cnn.Network([cnn.Dense(3)], seed=0).fit(table, y, epochs=1)
    assert "<details><summary>200 columns</summary><p>column 000" in plain._repr_html_()
    assert "column 199" in "".join(page(plain).text)
    assert "columns" not in "".join(page(classifier().fit(X, y, epochs=1)).text)  # arrays have no names


def test_long_values_are_shortened():
    types = {f"column {i}": "number" for i in range(300)}
    shown = page(cnn.MLPClassifier(categorical_features="auto", column_types=types))
    assert len(shown.rows["column_types"][0]) == 200
    assert shown.rows["column_types"][0].endswith("...")


def test_defaults_are_not_highlighted():
    assert page(cnn.Network([cnn.Dense(2)])).changed == set()
    assert page(cnn.Network([cnn.Dense(1)], loss="mse")).changed == {"loss"}


def test_text_is_escaped():
    net = cnn.Network([cnn.Dense(2)], optimizer=cnn.SGD(lambda step: 0.1))
    html = net._repr_html_()
    assert "&lt;lambda&gt;" in html
    assert "<lambda>" not in html
    assert "<function" in page(net).rows["optimizer"][0]


@pytest.mark.parametrize("layers", [[1000] * 3, [8] * 30, [16] * 12])
def test_large_networks_stay_small_pages(layers):
    net = cnn.Network([*(cnn.Dense(units, "relu") for units in layers), cnn.Dense(3)], seed=0)
    page(net.fit(X, y, epochs=1))


def test_long_training_stays_a_small_page():
    net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0)
    net.fit([[0.0], [1.0]], [0.0, 1.0], epochs=20_000, batch_size="full")
    page(net)
    points = re.findall(
        r"[ML]([\d.]+) ([\d.]+)", next(p for p in curve(net).iter(SVG + "path") if "." in p.get("d")).get("d")
    )
    assert 100 <= len(points) <= 202


def test_curve_is_where_the_losses_are():
    net = classifier().fit(X, y, epochs=3, validation_data=(X, y))
    assert max(net.history["loss"]) / min(net.history["val_loss"]) < 20  # the scale is linear
    _, training, validation = curve(net).iter(SVG + "path")
    low = min(*net.history["loss"], *net.history["val_loss"])
    high = max(*net.history["loss"], *net.history["val_loss"])
    for drawn, losses in ((training, net.history["loss"]), (validation, net.history["val_loss"])):
        xs, ys = np.array(re.findall(r"[ML]([\d.]+) ([\d.]+)", drawn.get("d")), float).T
        np.testing.assert_allclose(np.diff(xs, 2), 0, atol=0.11)
        shares = (np.array(losses) - low) / (high - low)
        np.testing.assert_allclose(ys, 136 - shares * 124, atol=0.06)  # rounded to a tenth of a pixel
    assert training.get("stroke-dasharray") != validation.get("stroke-dasharray")
    texts = ["".join(text.itertext()) for text in curve(net).iter(SVG + "text")]
    assert f"validation {net.history['val_loss'][-1]:.3g}" in texts
    assert "loss" in texts


def test_logarithmic_curve():
    svg = notebook.loss_curve({"epoch": [1, 2, 3], "loss": [1.0, 0.1, 0.01]})
    _, drawn = parsed(svg).iter(SVG + "path")
    ys = [float(y) for _, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", drawn.get("d"))]
    assert ys == [12, 74, 136]
    assert "loss, logarithmic" in svg


def test_gaps_and_single_epochs():
    nan = float("nan")
    history = {"epoch": [1, 2, 3, 4], "loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [nan, 2.0, nan, 1.0]}
    *_, validation = parsed(notebook.loss_curve(history)).iter(SVG + "path")
    assert re.findall("[ML]", validation.get("d")) == ["M", "M"]
    _, drawn = parsed(notebook.loss_curve({"epoch": [1], "loss": [2.0]})).iter(SVG + "path")
    assert "h" in drawn.get("d")
    assert "no finite loss" in notebook.loss_curve({"epoch": [1], "loss": [nan]})


def test_labels_of_close_curves_do_not_touch():
    history = {"epoch": [1, 2], "loss": [1.0, 0.5], "val_loss": [1.0, 0.5]}
    ys = [
        float(text.get("y"))
        for text in parsed(notebook.loss_curve(history)).iter(SVG + "text")
        if text.text.startswith(("training", "validation"))
    ]
    assert abs(ys[0] - ys[1]) >= 15


def test_nothing_optional_is_loaded(environment):
    code = """
import sys
import compiled_nn as cnn
assert "compiled_nn.notebook" not in sys.modules
cnn.Network([cnn.Dense(2)]).fit([[0.0], [1.0]], [0, 1], epochs=1)._repr_html_()
assert "matplotlib" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env=environment)


def test_badge_can_be_read_on_a_page_with_a_style_for_badges():
    """Bootstrap, which many pages use, has white text in elements of the class "badge"."""
    assert re.search(r"\.badge\{[^}]*color:inherit;background:none", classifier()._repr_html_())
