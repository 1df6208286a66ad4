"""Cards of files: descriptions without the weights, and the keys of metadata that have a fixed form."""

import builtins
import datetime
import io
import json
import os

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.cli import main
from containers import CARD, NETWORK, joined, split
from model_kinds import KINDS
from small import blobs, classifier

X, Y = blobs()
NOTES = {
    "description": "Three blobs.",
    "intended_use": "Tests.",
    "limitations": "No other data.",
    "trained_on": {"data": "blobs", "rows": 90},
    "metrics": {"accuracy": np.float32(0.5), "test": {"log_loss": 1, "accuracy": np.float64(0.25)}},
    "date": datetime.date(2026, 11, 28),
    "version": "3",
    "authors": ("A. Ä.", "B. C."),
    "licence": "MIT",
    "more": [1, None],
}
STORED = {
    **NOTES,
    "metrics": {"accuracy": 0.5, "test": {"log_loss": 1, "accuracy": 0.25}},
    "date": "2026-11-28",
    "authors": ["A. Ä.", "B. C."],
}


def content_of(model, **options):
    buffer = io.BytesIO()
    model.save(buffer, **options)
    return buffer.getvalue()


def printed(path, capsys):
    assert main(["info", str(path)]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", ["softmax", "ensemble", "MLPClassifier", "TabularRegressor"])
def test_known_keys_are_stored_in_one_form(name):
    model = KINDS[name]("float32")[0]
    content = content_of(model, metadata=NOTES)
    assert cnn.load(content).metadata == STORED == cnn.read_card(content)["metadata"]
    assert content == content_of(model, metadata=STORED)


@pytest.mark.parametrize(
    ("key", "value", "error", "message"),
    [
        ("description", 3, TypeError, r"metadata\['description'\] must be a text. Got 3 instead"),
        ("licence", None, TypeError, "must be a text"),
        ("authors", ["a", 1], TypeError, "must be a text or a list of texts"),
        ("trained_on", 7, TypeError, "must be a text or a dict"),
        ("date", 2026, TypeError, "must be a date in ISO 8601 form"),
        ("date", "28.11.2026", ValueError, r"ISO 8601 form, such as '2026-11-28'. Got '28.11.2026'"),
        ("metrics", 0.5, TypeError, "must be a dict of numbers by their names"),
        ("metrics", {"a": "0.5"}, TypeError, r"metadata\['metrics.a'\] must be a number"),
        ("metrics", {"a": True}, TypeError, "must be a number"),
        ("metrics", {"a": {"b": float("nan")}}, ValueError, r"'metrics.a.b'\] must be a finite number"),
        ("metrics", {"a": {"b": {"c": 1}}}, TypeError, "must be a number"),
    ],
)
def test_other_forms_of_known_keys_are_refused(key, value, error, message, tmp_path):
    for model in (classifier().fit(X, Y, epochs=1), KINDS["ensemble"]("float32")[0]):
        with pytest.raises(error, match=message):
            model.save(tmp_path / "m", metadata={key: value})
    assert not (tmp_path / "m").exists()


def test_files_with_other_forms_load():
    header, numbers = split(content_of(classifier().fit(X, Y, epochs=1), metadata={"a": 1}))
    document = json.loads(header["__metadata__"][NETWORK])
    document["metadata"] = {"description": {"b": 1}, "metrics": [2]}
    header["__metadata__"][NETWORK] = json.dumps(document)
    assert cnn.load(joined(header, numbers)).metadata == document["metadata"]


@pytest.mark.parametrize("text", ["2026-11-28", "2026-11-28T12:30:00+01:00", "20261128"])
def test_dates_in_texts(text):
    net = classifier().fit(X, Y, epochs=1)
    assert cnn.load(content_of(net, metadata={"date": text})).metadata["date"] == text


def test_a_time_is_stored_with_its_zone():
    time = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)
    net = classifier().fit(X, Y, epochs=1)
    assert cnn.load(content_of(net, metadata={"date": time})).metadata["date"] == "2026-11-28T12:00:00+00:00"


@pytest.mark.parametrize("name", KINDS)
def test_the_card_of_every_kind(name, tmp_path, capsys):
    model, _ = KINDS[name]("float32")
    model.save(tmp_path / "m", metadata=NOTES)
    card = cnn.read_card(tmp_path / "m")
    net = getattr(model, "network_", model)
    assert card["fingerprint"] == model.fingerprint()
    assert card["input_schema"] == model.input_schema()
    assert card["parameters"] == net.n_parameters
    assert card["estimator"] == (None if net is model else type(model).__name__)
    assert card["bytes"] == os.path.getsize(tmp_path / "m")
    assert card["outputs"]["dtype"] == (None if card["classes"] else net._outputs.dtype)
    if card["networks"] is not None:
        assert [each["weight"] for each in card["networks"]] == net.weights_.tolist()
        assert [len(each["layers"]) for each in card["networks"]] == [
            len(each.layers) for each in net.members_
        ]
    assert main(["info", str(tmp_path / "m"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert all(found[key] == card[key] for key in card)
    text = printed(tmp_path / "m", capsys)
    assert card["fingerprint"] in text
    assert "description   Three blobs.\n" in text
    assert "metadata more [1, null]\n" in text


def test_info_shows_calibration_training_and_members(tmp_path, capsys):
    net = classifier().fit(X, Y, epochs=3, validation_fraction=0.2)
    net.calibrate(X, Y).calibrate_intervals(X, Y).save(tmp_path / "m")
    assert cnn.read_card(tmp_path / "m")["calibration"] == {"temperature": net.temperature_, "rows": 90}
    text = printed(tmp_path / "m", capsys)
    assert f"calibration   temperature {net.temperature_:.6g}, intervals or sets from 90 rows\n" in text
    assert "trained on    72 rows, 18 validation rows, 3 epochs, stopped by max_iter, loss " in text
    KINDS["TabularClassifier"]("float32")[0].save(tmp_path / "m")
    text = printed(tmp_path / "m", capsys)
    assert "settings      max_iter 4, n_members 3, random_state 0\n" in text
    assert "network  weight  temperature  best epoch" in text


@pytest.mark.parametrize("name", ["softmax", "ensemble"])
def test_checkpoints_are_described(name, tmp_path, capsys):
    model = KINDS[name]("float32")[0]
    model.save_checkpoint(tmp_path / "c")
    card = cnn.read_card(tmp_path / "c")
    n_epochs = len(model.history["epoch"])
    assert card["checkpoint"] == {"epochs": n_epochs, "steps": 5 * n_epochs}
    assert f"checkpoint    after {n_epochs} epochs, {5 * n_epochs} steps\n" in printed(tmp_path / "c", capsys)
    model.save(tmp_path / "m")
    assert cnn.read_card(tmp_path / "m")["checkpoint"] is None


# ---- without the weights


def test_a_sparse_file_of_a_gigabyte(tmp_path, monkeypatch):
    """All weights are in a hole of the file, and less than 64 kB are read."""
    header, _ = split(content_of(classifier().fit(X, Y, epochs=1), metadata=NOTES))
    units, stop = 1 << 26, 0
    document = json.loads(header["__metadata__"][NETWORK])
    document["network"]["layers"][0]["units"] = units
    header["__metadata__"][NETWORK] = json.dumps(document)
    shapes = {"layers.0.bias": [units], "layers.0.weight": [units, 4], "layers.1.bias": [3]}
    for name, shape in {**shapes, "layers.1.weight": [3, units]}.items():
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [stop, stop + size]}
        stop += size
    path = tmp_path / "m"
    path.write_bytes(joined(header, b""))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + stop)
    assert path.stat().st_size > 1 << 30
    n_read = count_reads(monkeypatch)
    card = cnn.read_card(path)
    assert card["parameters"] == 8 * units + 3
    assert card["metadata"] == STORED
    assert 1000 < sum(n_read) < 1 << 16


def count_reads(monkeypatch):
    """Return a list to which the number of bytes of every read of a file is appended."""
    found = []
    plain = builtins.open

    class Counting(io.FileIO):
        def read(self, *args):
            content = super().read(*args)
            found.append(len(content))
            return content

        def readinto(self, view):
            found.append(len(view))
            return super().readinto(view)

    def counting(path, mode="r", *args, **kwargs):
        return Counting(path, "r") if mode == "rb" else plain(path, mode, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", counting)
    return found


@pytest.mark.parametrize("name", KINDS)
def test_weights_of_no_kind_are_read(name, tmp_path, monkeypatch):
    model, _ = KINDS[name]("float64")
    model.save(tmp_path / "m")
    content = (tmp_path / "m").read_bytes()
    header, _ = split(content)
    weights = sum(
        entry["data_offsets"][1] - entry["data_offsets"][0]
        for key, entry in header.items()
        if "layers." in key
    )
    n_read = count_reads(monkeypatch)
    cnn.read_card(tmp_path / "m")
    start = 64  # by which the kind of file is recognised
    assert len(content) - len(split(content)[1]) <= sum(n_read) <= len(content) - weights + start


def test_a_card_without_a_record(tmp_path, capsys):
    header, numbers = split(content_of(classifier().fit(X, Y, epochs=1)))
    del header["__metadata__"][CARD]
    (tmp_path / "m").write_bytes(joined(header, numbers))
    card = cnn.read_card(tmp_path / "m")
    assert (card["fingerprint"], card["training"]) == (None, {})
    assert "fingerprint" not in printed(tmp_path / "m", capsys)


def test_estimators_that_are_none(tmp_path):
    header, numbers = split(content_of(KINDS["MLPClassifier"]("float32")[0]))
    for text in ("[]", '{"estimator": 3, "parameters": {}}', '{"estimator": "a", "parameters": []}', "{"):
        header["__metadata__"]["compiled_nn_estimator"] = text
        with pytest.raises(ValueError, match="is not a readable network"):
            cnn.read_card(joined(header, numbers))
