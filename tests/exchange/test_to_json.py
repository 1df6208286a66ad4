"""Models in JSON: the reader of docs/guide/reader.js, run by Node, computes what the library does, for every kind."""

import json
import shutil
import subprocess

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.exchange import verification
from language import ROOT
from model_kinds import KINDS, TABLE

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="Node is not installed")
# Models with dates, which JSON does not have, and one whose only class is certain.
REFUSED = {kind: "holds dates" for kind in KINDS if "table" in kind and kind != "table without names"} | {
    "embeddings": "holds dates",
    "TabularClassifier": "holds dates",
    "TabularRegressor": "holds dates",
    "TabularClassifier of one class": "holds dates",
}
# float32: the library itself rounds sums of layers, here the exponentials of exponentials.
BOUNDS = {"float64": 1e-9, "float32": 2e-6}
PROGRAM = """
const { predict } = require(process.argv[1]);
const lines = require("fs").readFileSync(0, "utf8").trim().split("\\n").map(JSON.parse);
console.log(JSON.stringify(lines.map(({ model, rows }) => rows.map(row => predict(model, row)))));
"""


def run(pairs):
    """Return the answers of the reader for pairs of a model and rows, all computed by one process."""
    lines = "\n".join(json.dumps({"model": model, "rows": rows}) for model, rows in pairs)
    reader = str(ROOT / "docs" / "guide" / "reader.js")
    done = subprocess.run(
        [NODE, "-e", PROGRAM, reader], input=lines, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:2000]
    return json.loads(done.stdout)


def answers_of(found):
    keys = {"label": "label", "labels": "label"}
    return {keys.get(key, key): np.array([row[key] for row in found]) for key in found[0]}


@needs_node
def test_the_reader_predicts_the_same(dtype, tmp_path, differences):
    subjects = []
    for kind in KINDS.keys() - REFUSED.keys():
        model, _ = KINDS[kind](dtype)
        description, predictor = model._described_predictor()
        assert model.to_json(tmp_path / "model.json").largest_difference <= verification.BOUNDS[dtype]
        probe = verification.probe_rows(description, predictor)
        rows = [[plain(column[i]) for column in probe.columns] for i in range(len(probe))]
        ours = verification.answers(description, predictor, probe.X)
        subjects.append((kind, ours, json.loads((tmp_path / "model.json").read_text()), rows))
    answers = run([(model, rows) for _, _, model, rows in subjects])
    for (kind, ours, _, _), found in zip(subjects, answers, strict=True):
        bound = 1e-5 if kind == "activation exp" and dtype == "float32" else BOUNDS[dtype]
        result = verification.check(ours, answers_of(found), dtype, "node", bound=bound, what=kind)
        differences("JSON", kind, dtype, result.largest_difference)


def plain(value):
    value = value.item() if isinstance(value, np.generic) else value
    return None if value != value else value


@pytest.mark.parametrize("kind", REFUSED)
def test_refusals(kind, tmp_path):
    model, _ = KINDS[kind]("float32")
    with pytest.raises(ValueError, match=REFUSED[kind]):
        model.to_json(tmp_path / "model.json")
    assert not list(tmp_path.iterdir())


PLAIN_TABLE = {name: TABLE[name] for name in ("age", "a b", "city", "code", "size", "vip")}


@needs_node
@pytest.mark.parametrize("options", [{}, {"embeddings": 3}, {"numeric_embeddings": "piecewise_linear"}])
def test_tables_by_name(options, tmp_path):
    types = {"code": "category", "vip": "category"}
    net = cnn.Network([cnn.Dense(5, "relu"), cnn.Dense(3)], seed=0, categorical_features="auto", column_types=types,
                      standardize=True, min_frequency=6, **options)  # fmt: skip
    net.fit(PLAIN_TABLE, np.arange(160) % 3, epochs=3)
    net.to_json(tmp_path / "net.json")
    rows = [{name: plain(PLAIN_TABLE[name][i]) for name in PLAIN_TABLE} for i in range(60)]
    rows.append({"age": 1.5, "city": "elsewhere", "size": None, "code": 99, "vip": True})  # "a b" is missing
    (found,) = run([(json.loads((tmp_path / "net.json").read_text()), rows)])
    rows[-1]["a b"] = None
    p = net.predict_proba(rows)
    assert np.abs(answers_of(found)["probabilities"] - p).max() < 1e-6
    assert answers_of(found)["label"].tolist() == net.predict(rows).tolist()


@needs_node
def test_the_reader_refuses_missing_numbers(tmp_path):
    model, _ = KINDS["regression"]("float32")
    model.to_json(tmp_path / "net.json")
    with pytest.raises(AssertionError, match="a number of the row is missing"):
        run([(json.loads((tmp_path / "net.json").read_text()), [[1.0, None, 0.0, 0.0]])])


def test_the_file_is_documented(tmp_path):
    model, _ = KINDS["softmax"]("float32")
    model.to_json(tmp_path / "net.json")
    content = json.loads((tmp_path / "net.json").read_text())
    page = (ROOT / "docs" / "guide" / "devices.md").read_text(encoding="utf-8")
    keys = {
        *content,
        *content["networks"][0],
        *content["networks"][0]["layers"][0],
        "categories",
        "rare",
        "indicator",
    }
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []
    assert content["verification"]["rows"] == 64


@pytest.mark.parametrize(
    ("labels", "message"),
    [(["a", "\udc80"], "surrogates, which are not Unicode"), ([0, 2**53 + 1], "beyond 2\\*\\*53")],
)
def test_labels_that_readers_do_not_have(labels, message, tmp_path):
    net = cnn.Network([cnn.Dense(2)], seed=0).fit([[0.0], [1.0]], labels, epochs=1)
    with pytest.raises(ValueError, match=f"The label .*{message}"):
        net.to_json(tmp_path / "net.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "number"), [("\udc80", 1), ("n", 2**53 + 1)])
def test_columns_that_readers_do_not_have(name, number, tmp_path):
    rows = [{name: each} for each in (0, number) * 5]
    net = cnn.Network([cnn.Dense(2)], categorical_features="auto", column_types={name: "category"}, seed=0)
    net.fit(rows, [0, 1] * 5, epochs=1)
    with pytest.raises(ValueError, match="name .*surrogates" if number == 1 else "category .*beyond"):
        net.to_json(tmp_path / "net.json")


def test_labels_that_are_booleans(tmp_path):
    net = cnn.Network([cnn.Dense(2)], seed=0).fit([[0.0], [1.0]], [False, True], epochs=1)
    net.to_json(tmp_path / "net.json")
    assert json.loads((tmp_path / "net.json").read_text())["classes"] == [False, True]


def test_other_refusals(tmp_path):
    net = cnn.Network([cnn.Dense(2)], seed=0).fit([[0.0], [1.0]], [b"a", b"b"], epochs=1)
    with pytest.raises(ValueError, match="is bytes, which JSON cannot express"):
        net.to_json(tmp_path / "net.json")
    with pytest.raises(cnn.NotFittedError):
        cnn.MLPRegressor().to_json(tmp_path / "net.json")
    assert not list(tmp_path.iterdir())
