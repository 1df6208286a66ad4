"""Fingerprints: equal for equal models, other ones after any change that decides predictions, and checked by load."""

import io
import json
import subprocess
import sys

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.cli import main
from containers import CARD, NETWORK, joined, split, with_document, with_value
from hypothesis import given
from hypothesis import strategies as st
from model_kinds import KINDS
from small import blobs, classifier

X, Y = blobs()


def content_of(model, **options):
    buffer = io.BytesIO()
    model.save(buffer, **options)
    return buffer.getvalue()


def loaded(model, content):
    kind = type(model)
    return kind.load(content) if hasattr(kind, "load") else cnn.load(content)


def recorded(content):
    return json.loads(split(content)[0]["__metadata__"][CARD])


@pytest.mark.parametrize("name", KINDS)
def test_of_a_model_its_file_and_the_loaded_model(name, dtype):
    model, _ = KINDS[name](dtype)
    content = content_of(model, metadata={"description": "not part of it"})
    expected = model.fingerprint()
    assert recorded(content)["fingerprint"] == expected
    again = loaded(model, content)
    assert again.fingerprint() == expected
    assert cnn.load(content).fingerprint() == expected
    assert content_of(again) == content


def test_models_of_all_kinds_differ():
    found = [KINDS[name](dtype)[0].fingerprint() for name in KINDS for dtype in ("float32", "float64")]
    assert len(set(found)) == len(found)


def test_equal_models_have_equal_ones_in_any_process(environment):
    code = (
        "import compiled_nn as cnn; from small import blobs, classifier; X, Y = blobs();"
        "print(classifier().fit(X, Y, epochs=2).fingerprint())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**environment, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {classifier().fit(X, Y, epochs=2).fingerprint()}


def fitted(**options):
    return cnn.Network([cnn.Dense(5, "relu", norm="batch"), cnn.Dense(3)], seed=0, **options).fit(
        X, Y, epochs=2
    )


def test_does_not_depend_on_what_only_training_uses():
    net = fitted(standardize=True)
    expected = net.fingerprint()
    net.metadata["description"] = "a text"
    net.optimizer = cnn.SGD(0.5)
    net.n_threads = 1
    net.history["loss"][-1] = 0.0
    assert net.fingerprint() == expected
    other = fitted(standardize=True, l2=0.1, optimizer="sgd", input_dropout=0.1)
    other.set_weights(net.snapshot(optimizer=False)["layers"])
    assert other.fingerprint() == expected


def test_every_change_that_decides_predictions_changes_it():
    found = [
        fitted().fingerprint(),
        fitted(standardize=True).fingerprint(),
        fitted(input_scale=0.5).fingerprint(),
    ]
    net = fitted(standardize=True).calibrate(X, Y)
    found.append(net.fingerprint())
    found.append(net.calibrate_intervals(X, Y).fingerprint())
    net.partial_fit(X[:10], Y[:10])
    found.append(net.fingerprint())
    found.append(fitted().fit(X, Y + 1, epochs=2).fingerprint())
    found.append(
        cnn.Network([cnn.Dense(5, "relu", norm="batch"), cnn.Dense(3)], seed=1).fit(X, Y).fingerprint()
    )
    values = Y.astype(float)
    for options in ({}, {"scale_targets": True}):
        net = cnn.Network([cnn.Dense(5), cnn.Dense(1)], loss="mse", seed=0, **options)
        found.append(net.fit(X, values, epochs=1).fingerprint())
        found.append(net.fit(X, values.astype("float32"), epochs=1).fingerprint())
    assert len(set(found)) == len(found)


BASE = content_of(fitted(standardize=True).calibrate(X, Y))
NUMBERS = len(split(BASE)[1])


@given(st.integers(0, NUMBERS - 1), st.integers(1, 255))
def test_a_damaged_number_is_refused(at, bits):
    """Each of the bytes counts: those of weights, running statistics, means and scales."""
    header, numbers = split(BASE)
    damaged = bytearray(numbers)
    damaged[at] ^= bits
    with pytest.raises(ValueError, match="is not a readable network"):
        cnn.load(joined(header, bytes(damaged)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("temperature",), 1.5),
        (("classes", "values"), [0, 1, 7]),
        (("network", "layers", 0, "activation"), "tanh"),
        (("network", "input_scale"), 1.0),
    ],
)
def test_a_changed_document_is_refused(path, value):
    header, numbers = split(BASE)
    document = json.loads(header["__metadata__"][NETWORK])
    *parents, last = path
    place = document
    for name in parents:
        place = place[name]
    changed, place[last] = place[last] != value, value
    header["__metadata__"][NETWORK] = json.dumps(document)
    if not changed:
        assert cnn.load(joined(header, numbers)).fingerprint() == recorded(BASE)["fingerprint"]
        return
    with pytest.raises(
        ValueError, match=r"its fingerprint is [0-9a-f]{12}\.\.\., but that of its content is"
    ):
        cnn.load(joined(header, numbers))


@pytest.mark.parametrize("read", [cnn.MLPClassifier.load, cnn.load])
def test_estimators_are_verified(read):
    content = bytearray(content_of(KINDS["MLPClassifier"]("float32")[0]))
    start = 8 + int.from_bytes(content[:8], "little")
    content[start] ^= 1
    with pytest.raises(ValueError, match="fingerprint"):
        read(bytes(content))


@pytest.mark.parametrize("name", ["softmax", "ensemble"])
def test_checkpoints_are_verified(name):
    model = KINDS[name]("float64")[0]
    buffer = io.BytesIO()
    model.save_checkpoint(buffer)
    content = buffer.getvalue()
    assert (
        recorded(content)["fingerprint"] == model.fingerprint() == cnn.load_checkpoint(content).fingerprint()
    )
    header, numbers = split(content)
    start = next(entry["data_offsets"][0] for key, entry in header.items() if key.endswith("layers.0.bias"))
    damaged = bytearray(numbers)
    damaged[start] ^= 1
    with pytest.raises(ValueError, match="fingerprint"):
        cnn.load_checkpoint(joined(header, bytes(damaged)))


def test_files_without_one_load():
    header, numbers = split(BASE)
    del header["__metadata__"][CARD]
    assert cnn.load(joined(header, numbers)).fingerprint() == recorded(BASE)["fingerprint"]


@pytest.mark.parametrize(
    "bad",
    [
        "null",
        "[]",
        "{}",
        '{"format_version": 2, "fingerprint": "' + "0" * 64 + '"}',
        '{"format_version": 1, "fingerprint": "' + "0" * 63 + '"}',
        '{"format_version": 1, "fingerprint": "' + "G" * 64 + '"}',
        '{"format_version": 1, "fingerprint": 7}',
        '{"format_version": 1, "fingerprint": "' + "0" * 64 + '", "more": 1}',
        '{"format_version": 1, "fingerprint": "' + "0" * 64 + '", "training": {"rows": -1}}',
        '{"format_version": 1, "fingerprint": "' + "0" * 64 + '", "training": {"loss": "a"}}',
        '{"format_version": 1, "fingerprint": "' + "0" * 64 + '", "training": {"notes": 1}}',
    ],
)
def test_cards_are_checked_field_by_field(bad):
    with pytest.raises(ValueError, match=r"is not a readable network: (the card|training)"):
        cnn.load(with_document(BASE, CARD, lambda _: bad))


# ---- what files record of the training


def test_the_training_is_recorded_and_kept():
    net = cnn.Network([cnn.Dense(5, "relu"), cnn.Dense(3)], seed=0)
    net.fit(X, Y, epochs=6, validation_fraction=0.2, early_stopping=True)
    content = content_of(net)
    best = net.history["epoch"].index(net.best_epoch_)
    assert recorded(content)["training"] == {
        "rows": 72,
        "validation_rows": 18,
        "epochs": len(net.history["epoch"]),
        "best_epoch": net.best_epoch_,
        "stop_reason": net.stop_reason_,
        "loss": net.history["loss"][best],
        "val_loss": net.history["val_loss"][best],
    }
    again = cnn.load(content)
    assert content_of(again) == content
    again.fit(X, Y, epochs=1, warm_start=True)
    assert recorded(content_of(again))["training"].keys() == {"rows", "epochs", "stop_reason", "loss"}
    assert recorded(content_of(again))["training"]["rows"] == 90


def test_a_network_without_training_has_no_record():
    net = cnn.Network([cnn.Dense(2)]).fit(X, Y > 0, epochs=0)
    assert recorded(content_of(net))["training"] == {"rows": 90}
    net = cnn.Network([cnn.Dense(2)])
    net.set_weights([(np.ones((4, 2)), np.zeros(2))])
    assert "training" not in recorded(content_of(net))


def test_a_loss_that_is_not_finite_is_recorded():
    net = classifier().fit(X, Y, epochs=1)
    net.history["loss"][-1] = float("nan")
    assert recorded(content_of(net))["training"]["loss"] == {"float": "nan"}
    assert np.isnan(cnn.load(content_of(net))._training_record()["loss"])


def test_estimators_record_the_epoch_whose_weights_they_have():
    model = cnn.MLPClassifier(
        hidden_layer_sizes=(4,), max_iter=30, early_stopping=True, n_iter_no_change=3, random_state=0
    ).fit(X, Y)
    found = recorded(content_of(model))["training"]
    assert found["best_epoch"] == model.best_iter_
    assert found["rows"] + found["validation_rows"] == 90


def test_info_prints_them(tmp_path, capsys):
    net = fitted()
    net.save(tmp_path / "m")
    assert main(["info", str(tmp_path / "m"), "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["fingerprint"] == net.fingerprint()
    assert card["training"] == recorded((tmp_path / "m").read_bytes())["training"]


def test_a_changed_value_is_named():
    content = with_value(BASE, CARD, ("fingerprint",), "0" * 64)
    with pytest.raises(ValueError, match="its fingerprint is 000000000000"):
        cnn.load(content)
