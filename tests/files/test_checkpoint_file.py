"""Resuming: two calls of fit are one, in this process and from a checkpoint; what is no checkpoint is refused."""

import json
import os
import subprocess
import sys

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import schedules
from compiled_nn.callbacks import Checkpoint, EarlyStopping, Plateau
from small import OPTIMIZERS, bits, blobs, classifier
from tensors import load_file, save_file
from tensors import metadata as metadata_of

X, y = blobs()
SCHEDULE = cnn.Adam(schedules.Cosine(0.05, 40))
VARIANTS = {
    **{name: {"optimizer": optimizer} for name, optimizer in OPTIMIZERS.items() if name != "schedule"},
    "cosine": {"optimizer": SCHEDULE},
    "by_epochs": {"optimizer": cnn.SGD(schedules.Step(0.1, 3, per="epoch"), momentum=0.9)},
    "standardize": {"standardize": True},
    "float64": {"dtype": "float64", "l2": 0.01},
    "without_biases": {"seed": 5},
}


def network(variant):
    if variant == "without_biases":
        return cnn.Network([cnn.Dense(4, "relu", bias=False), cnn.Dense(3)], seed=5)
    return classifier(**VARIANTS[variant])


def timeless(net):
    return {name: column for name, column in net.history.items() if name != "seconds"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_ten_and_ten_are_twenty(variant, tmp_path):
    options = {"batch_size": 16, "validation_fraction": 0.2}
    whole = network(variant).fit(X, y, epochs=20, **options)
    half = network(variant).fit(X, y, epochs=10, **options)
    half.save_checkpoint(tmp_path / "half.ckpt.safetensors")
    read = cnn.load_checkpoint(tmp_path / "half.ckpt.safetensors")
    for net in (half, read):
        net.fit(X, y, epochs=10, warm_start=True, **options)
        assert bits(net) == bits(whole)
        assert timeless(net) == timeless(whole)
        np.testing.assert_array_equal(net.predict_proba(X), whole.predict_proba(X))


def test_in_a_new_process(tmp_path, environment):
    np.savez(tmp_path / "data.npz", X=X, y=y)
    path = tmp_path / "net.ckpt.safetensors"
    classifier(optimizer=SCHEDULE).fit(X, y, epochs=4).save_checkpoint(path)
    code = f"""
import compiled_nn as cnn, numpy as np
data = np.load({str(tmp_path / "data.npz")!r})
net = cnn.load_checkpoint({str(path)!r}).fit(data["X"], data["y"], epochs=3, warm_start=True)
net.save_checkpoint({str(path)!r})
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment, check=True)
    there = cnn.load_checkpoint(path)
    assert bits(there) == bits(classifier(optimizer=SCHEDULE).fit(X, y, epochs=7))
    assert there.history["epoch"] == list(range(1, 8))


def test_from_the_last_checkpoint_of_a_run_that_died(tmp_path):
    """With a plateau, whose state is in the history and the scale of rates."""
    path = tmp_path / "net.ckpt.safetensors"

    def watch():
        return [Plateau("loss", patience=2, min_delta=0.05), Checkpoint(path, every=4)]

    def die(net, epoch, history):
        if epoch == 11:
            raise RuntimeError("mine")

    whole = classifier().fit(X, y, epochs=20, callbacks=watch())
    assert 0 < whole.learning_rate_scale < 1
    with pytest.raises(RuntimeError):
        classifier().fit(X, y, epochs=20, callbacks=[*watch(), die])
    resumed = cnn.load_checkpoint(path)
    assert resumed.history["epoch"][-1] == 8
    resumed.fit(X, y, epochs=12, warm_start=True, callbacks=watch())
    assert bits(resumed) == bits(whole)
    assert timeless(resumed) == timeless(whole)


def test_keep_best(tmp_path):
    path = tmp_path / "best.ckpt.safetensors"
    kept = []
    watch = [
        Checkpoint(path, keep_best="val_loss"),
        lambda *_: kept.append(cnn.load_checkpoint(path).history["epoch"][-1]),
    ]
    net = classifier(optimizer=cnn.Adam(0.3)).fit(
        X, y, epochs=12, validation_fraction=0.3, callbacks=watch, early_stopping=EarlyStopping(patience=12)
    )
    losses = net.history["val_loss"]
    assert kept == [1 + int(np.argmin(losses[:n])) for n in range(1, 13)]
    assert bits(cnn.load_checkpoint(path)) == bits(net)


def test_a_checkpoint_is_a_network_too(tmp_path):
    net = classifier().fit(X, y, epochs=2)
    net.save_checkpoint(tmp_path / "net.ckpt.safetensors")
    loaded = cnn.load(tmp_path / "net.ckpt.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(X), net.predict_proba(X))
    assert loaded.history["epoch"] == []


def test_before_training_and_after_set_weights(tmp_path):
    with pytest.raises(cnn.NotFittedError):
        classifier().save_checkpoint(tmp_path / "net.ckpt.safetensors")
    net = classifier()
    net.set_weights(classifier().fit(X, y, epochs=1).get_weights())
    net.save_checkpoint(tmp_path / "net.ckpt.safetensors")
    read = cnn.load_checkpoint(tmp_path / "net.ckpt.safetensors")
    assert bits(read.fit(X, y, epochs=2, warm_start=True)) == bits(net.fit(X, y, epochs=2, warm_start=True))


def test_a_function_is_assigned_anew(tmp_path):
    net = classifier(optimizer=OPTIMIZERS["schedule"]).fit(X, y, epochs=2)
    net.save_checkpoint(tmp_path / "net.ckpt.safetensors")
    read = cnn.load_checkpoint(tmp_path / "net.ckpt.safetensors")
    with pytest.raises(ValueError, match="was a Python function"):
        read.fit(X, y, warm_start=True)
    read.optimizer = OPTIMIZERS["schedule"]
    whole = classifier(optimizer=OPTIMIZERS["schedule"]).fit(X, y, epochs=5)
    assert bits(read.fit(X, y, epochs=3, warm_start=True)) == bits(whole)


def test_a_column_of_no_numbers_is_refused(tmp_path):
    path = tmp_path / "net.ckpt.safetensors"
    net = classifier().fit(X, y, epochs=1)
    net.save_checkpoint(path)
    before = path.read_bytes()
    net.history["note"] = ["good"]
    with pytest.raises(TypeError, match="Column 'note'"):
        net.save_checkpoint(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


# ---- files that are something else


def altered(path, change, drop=()):
    """Write the checkpoint of a path anew, its document of training and its tensors changed."""
    tensors, metadata = load_file(path), metadata_of(path)
    document = json.loads(metadata["compiled_nn_training"])
    change(document, tensors)
    for name in drop:
        del tensors[name]
    save_file(tensors, path, {**metadata, "compiled_nn_training": json.dumps(document)})


def put(**values):
    return lambda document, tensors: document.update(values)


CHANGES = {
    "newer": put(format_version=2),
    "no_steps": lambda document, tensors: document.pop("steps"),
    "negative_steps": put(steps=-1),
    "unknown_field": put(more=1),
    "many_moments": put(n_moments=1000000),
    "other_optimizer": put(optimizer="momentum"),
    "no_optimizer_of_ours": put(optimizer=["adam"]),
    "hyperparameters": put(hyperparameters={"beta_1": "x"}),
    "unknown_hyperparameter": put(hyperparameters={"gamma": 1.0}),
    "generator": put(generator={"bit_generator": "MT19937", "state": {}, "has_uint32": 0, "uinteger": 0}),
    "generator_of_text": put(generator="PCG64"),
    "lent": put(lent=True),
    "averaged": put(n_averaged=3),
    "columns": put(columns=["epoch"]),
    "columns_of_lists": put(columns=[["epoch"], "loss", "penalty", "learning_rate", "seconds"]),
    "scale": put(rate_scale=-1),
    "moment_of_another_shape": lambda document, tensors: tensors.update(
        {"training.moments.0.layers.0.weight": np.zeros((2, 2), np.float32)}
    ),
    "unequal_columns": lambda document, tensors: tensors.update({"training.history.loss": np.zeros(7)}),
    "an_epoch_that_is_nan": lambda document, tensors: tensors.update(
        {"training.history.epoch": np.full(2, np.nan)}
    ),
    "extra_tensor": lambda document, tensors: tensors.update({"training.more": np.zeros(1)}),
    "missing_tensor": lambda document, tensors: tensors.pop("training.moments.1.layers.1.bias"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_refusals(name, tmp_path):
    path = tmp_path / "net.ckpt.safetensors"
    classifier().fit(X, y, epochs=2).save_checkpoint(path)
    altered(path, CHANGES[name])
    with pytest.raises(ValueError, match=r"net\.ckpt\.safetensors is not a readable network"):
        cnn.load_checkpoint(path)


def test_a_network_alone_is_no_checkpoint(tmp_path):
    classifier().fit(X, y, epochs=1).save(tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="it is not a checkpoint"):
        cnn.load_checkpoint(tmp_path / "net.safetensors")
    with pytest.raises(FileNotFoundError):
        cnn.load_checkpoint(tmp_path / "none.safetensors")
