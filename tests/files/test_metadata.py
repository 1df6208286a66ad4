"""Content of the user in files, and the description of a file without its weights."""

import json

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.cli import main
from compiled_nn.files import network_file
from compiled_nn.files.safetensors_file import open_tensors
from small import bits, blobs, classifier

X, Y = blobs()
NOTES = {"trained on": "blobs, 90 rows", "scores": [0.5, None, True], "deep": {"ä": {}}}


def estimator():
    return cnn.MLPClassifier(hidden_layer_sizes=(4,), max_iter=2, random_state=0).fit(X, Y)


def test_a_network_keeps_them(tmp_path):
    net = classifier().fit(X, Y, epochs=1)
    net.save(tmp_path / "m", metadata=NOTES)
    assert net.metadata == {}
    loaded = cnn.load(tmp_path / "m")
    assert loaded.metadata == NOTES
    assert bits(loaded) == bits(net)
    loaded.save(tmp_path / "n")
    assert cnn.load(tmp_path / "n").metadata == NOTES
    loaded.save(tmp_path / "n", metadata={})
    assert cnn.load(tmp_path / "n").metadata == {}


def test_an_estimator_keeps_them(tmp_path):
    model = estimator()
    model.save(tmp_path / "m", metadata=NOTES)
    assert model.metadata_ == {}
    loaded = cnn.MLPClassifier.load(tmp_path / "m")
    assert loaded.metadata_ == NOTES == cnn.load(tmp_path / "m").metadata
    loaded.metadata_["more"] = 1
    loaded.save(tmp_path / "n")
    assert cnn.MLPClassifier.load(tmp_path / "n").metadata_ == {**NOTES, "more": 1}
    assert (loaded.predict_proba(X) == model.predict_proba(X)).all()
    assert not hasattr(cnn.MLPClassifier(), "metadata_")


@pytest.mark.parametrize("bad", [[1], "text", {1: 2}, {"a": np.ones(2)}, {"a": float("nan")}, {"a": {1, 2}}])
def test_what_json_cannot_express_is_refused(bad, tmp_path):
    for model in (classifier().fit(X, Y, epochs=1), estimator()):
        with pytest.raises(TypeError, match="metadata"):
            model.save(tmp_path / "m", metadata=bad)
    assert not (tmp_path / "m").exists()


def card(path, capsys):
    assert main(["info", str(path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_info_prints_them(tmp_path, capsys):
    estimator().save(tmp_path / "m", metadata=NOTES)
    described = card(tmp_path / "m", capsys)
    assert described["metadata"] == NOTES
    assert described["estimator"] == "MLPClassifier"
    assert described["written_by"] == cnn.__version__
    assert main(["info", str(tmp_path / "m")]) == 0
    text = capsys.readouterr().out
    assert 'metadata trained on "blobs, 90 rows"\n' in text
    assert "estimator     MLPClassifier\n" in text


def test_info_has_names_and_shapes(tmp_path, capsys):
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    classifier().fit(table, Y, epochs=1).save(tmp_path / "m")
    assert card(tmp_path / "m", capsys)["columns"] == ["a", "b", "c", "d"]
    assert main(["info", str(tmp_path / "m")]) == 0
    assert "columns       a b c d\n" in capsys.readouterr().out
    classifier().fit(X.reshape(-1, 2, 2), Y, epochs=1).save(tmp_path / "m")
    assert card(tmp_path / "m", capsys)["image_shape"] == [2, 2]


def test_info_does_not_read_the_weights(tmp_path, capsys):
    net = cnn.Network(
        [cnn.Dense(4, "relu", norm="batch"), cnn.Dense(3)], standardize=True, scale_targets=False
    )
    net.fit(X, Y, epochs=1).save(tmp_path / "m")
    before = card(tmp_path / "m", capsys)
    assert before["parameters"] == net.n_parameters

    content = bytearray((tmp_path / "m").read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    content[start:] = b"\xff" * (len(content) - start)  # NaN
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(ValueError, match="NaN"):
        cnn.load(tmp_path / "m")
    assert card(tmp_path / "m", capsys) == before


@pytest.mark.parametrize("checkpoint", [False, True])
def test_a_description_has_what_the_network_has(checkpoint, tmp_path):
    layers = [cnn.Dense(4, "relu", norm="batch", bias=False), cnn.Dense(3)]
    net = cnn.Network(layers, categorical_features="auto", embeddings=2, seed=0)
    rows = [[float(i), "ab"[i % 2]] for i in range(30)]
    net.fit(rows, np.arange(30) % 3, epochs=1)
    (net.save_checkpoint if checkpoint else net.save)(tmp_path / "m")
    with open_tensors(tmp_path / "m") as file:
        described = network_file.describe(file)
    assert described.configuration == cnn.load(tmp_path / "m")._configuration
    assert described.inputs.n_features == net.n_features_ == 2
    assert described.outputs.targets.classes.tolist() == [0, 1, 2]


def test_info_counts_the_parameters_of_embeddings(tmp_path, capsys):
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(3)], categorical_features="auto", embeddings=2, seed=0)
    net.fit([[float(i), "abc"[i % 3]] for i in range(30)], np.arange(30) % 3, epochs=1).save(tmp_path / "m")
    assert card(tmp_path / "m", capsys)["parameters"] == net.n_parameters
