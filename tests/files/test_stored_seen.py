"""Summary of the training rows in files: the object that files.md describes; wrong values are refused."""

import io
import json

import compiled_nn as cnn
import numpy as np
import pytest
import tensors
from compiled_nn.cli import main

ROWS = [{"size": float(i % 7), "city": ("Ulm", "Bern", None)[i % 3]} for i in range(60)]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("seen") / "model"
    net = cnn.Network([cnn.Dense(2)], categorical_features="auto", seed=0).fit(
        ROWS, np.arange(60) % 2, epochs=1
    )
    net.save(path)
    return path


def seen_of(path):
    return json.loads(tensors.metadata(path)["compiled_nn_card"])["seen"]


def with_seen(path, change):
    """Return the content of a file with a changed object."""
    metadata = tensors.metadata(path)
    card = json.loads(metadata["compiled_nn_card"])
    change(card["seen"])
    return tensors.save(tensors.load_file(path), metadata | {"compiled_nn_card": json.dumps(card)})


def test_object_in_the_file(path):
    sizes = [row["size"] for row in ROWS]
    mean, deviation = (float(f"{each:.6g}") for each in (np.mean(sizes), np.std(sizes)))
    assert seen_of(path) == {
        "rows": 60,
        "ranged": 60,
        "sampled": 60,
        "numbers": [[0.0, 6.0, mean, deviation, 0.0]],
        "counts": [20, 20, 20],
    }
    document = json.loads(tensors.metadata(path)["compiled_nn"])
    assert document["format_version"] == 3, "the format of the network alone"


def put(**values):
    return lambda seen: seen.update(values)


WRONG = {
    "no rows": (put(rows=0), "seen.rows"),
    "text": (put(rows="60"), "seen.rows"),
    "bool": (put(sampled=True), "seen.sampled"),
    "larger sample": (put(ranged=61), "60 rows"),
    "larger sample of the sample": (put(ranged=50), "60 rows"),
    "unknown key": (put(more=1), "more"),
    "missing key": (lambda seen: seen.pop("counts"), "counts"),
    "no columns": (put(numbers=[]), "seen.numbers"),
    "two columns": (put(numbers=[[0, 6, 3, 2, 0]] * 2), "seen.numbers"),
    "four numbers": (put(numbers=[[0, 6, 3, 2]]), "five numbers"),
    "no list": (put(numbers=[6]), "seen.numbers"),
    "range": (put(numbers=[[7, 6, 3, 2, 0]]), "a range"),
    "deviation": (put(numbers=[[0, 6, 3, -2, 0]]), "a range"),
    "half known": (put(numbers=[[0, 6, None, 2, 0]]), "null for each"),
    "share": (put(numbers=[[0, 6, 3, 2, 1.5]]), "share"),
    "no share": (put(numbers=[[0, 6, 3, 2, None]]), "share"),
    "counts": (put(counts=[20, 20]), "seen.counts"),
    "negative count": (put(counts=[20, 20, -1]), "seen.counts"),
    "share of a row": (put(counts=[20, 20, 0.5]), "seen.counts"),
    "large number": (put(numbers=[[0, 10**400, 3, 2, 0]]), "seen.numbers"),
    "null": (lambda seen: seen.update(numbers=None), "seen.numbers"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_values_are_refused(path, name):
    change, words = WRONG[name]
    with pytest.raises(ValueError, match=rf"is not a readable network: .*{words}"):
        cnn.load(with_seen(path, change))


def test_a_file_without_it_loads(path):
    metadata = tensors.metadata(path)
    card = json.loads(metadata["compiled_nn_card"])
    del card["seen"]
    content = tensors.save(tensors.load_file(path), metadata | {"compiled_nn_card": json.dumps(card)})
    assert cnn.load(content)._inputs.seen is None


@pytest.mark.parametrize("k", [50, 51])
def test_size(k):
    rng = np.random.default_rng(0)
    file, without = io.BytesIO(), io.BytesIO()
    net = cnn.Network([cnn.Dense(2)], seed=0).fit(rng.normal(size=(100, k)), np.arange(100) % 2, epochs=1)
    net.save(file)
    net._inputs = net._inputs.replace(seen=None)
    net.save(without)
    assert len(file.getvalue()) - len(without.getvalue()) < (4096 if k == 50 else 200)


def test_info_prints_the_schema(path, capsys):
    assert main(["info", str(path), "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema == cnn.load(path).input_schema()
    assert schema["properties"]["size"]["x-training"]["maximum"] == 6
