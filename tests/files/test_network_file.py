"""Files and copies of a network: the same bits back, ValueError for a bad file, never half a file."""

import copy
import errno
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import time

import compiled_nn as cnn
import numpy as np
import pytest
from small import INDICES, X, fitted, outputs


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


# ---- round trips


@pytest.mark.parametrize(
    ("loss", "units", "y"),
    [
        ("softmax_cross_entropy", 3, INDICES),
        ("softmax_cross_entropy", 3, np.eye(3)[INDICES]),
        ("binary_cross_entropy", 1, INDICES > 0),
        ("binary_cross_entropy", 3, INDICES),
        ("binary_cross_entropy", 2, X[:, :2] > 0),
        ("mse", 1, X[:, 0]),
        ("mse", 2, X[:, :2]),
    ],
)
def test_every_kind_of_target(loss, units, y, dtype, path):
    net = cnn.Network([cnn.Dense(5, "tanh", bias=False), cnn.Dense(units)], loss=loss, dtype=dtype, seed=0)
    net.fit(X, y, epochs=2).save(path)
    loaded = cnn.load(path)
    assert outputs(loaded) == outputs(net)
    assert loaded.predict(X).tobytes() == net.predict(X).tobytes()
    assert loaded.predict(X).dtype == net.predict(X).dtype
    assert loaded.score(X, y) == net.score(X, y)
    assert repr(loaded) == repr(net)


@pytest.mark.parametrize(
    "classes",
    [
        ["ant", "bee", "Ωmega \U0001f41d"],
        ["", "nul\x00l", '"quoted" \\ \n'],
        [b"\x00a", b"\xff", b"\xffb"],
        np.array([-(2**63), 0, 2**63 - 1], "int64"),
        np.array([0, 1, 2**64 - 1], "uint64"),
        np.array([1, 2, 3], "uint8"),
        np.array([0.1, 1 / 3, 1e300], "float64"),
        np.array([0.1, 1 / 3, 1e30], "float32"),
        np.array([0.1, 1 / 3, 100], "float16"),
    ],
)
def test_every_type_of_label(classes, path):
    classes = np.array(classes)
    net = cnn.Network([cnn.Dense(3)], seed=0).fit(X, classes[INDICES], epochs=1)
    net.save(path)
    loaded = cnn.load(path)
    assert loaded.classes_.dtype == net.classes_.dtype == classes.dtype
    assert loaded.classes_.tolist() == sorted(classes.tolist())
    loaded.partial_fit(X, classes[INDICES])


def test_every_parameter(path):
    layers = [
        cnn.Dense(3, "relu", init="lecun_uniform"),
        cnn.Dense(4, "tanh", bias=False, init=cnn.Normal(0.2)),
        cnn.Dense(4, init=cnn.Uniform(-0.5, 0.25)),
        cnn.Dense(3, "softmax"),
    ]
    for optimizer in (cnn.SGD(0.1, momentum=0.5, nesterov=True), cnn.AdamW(weight_decay=0.1), "adam"):
        net = cnn.Network(
            layers, optimizer=optimizer, l1=1e-3, l2=0.1, input_scale=1 / 255, dtype="float64", seed=2**70
        )
        net.fit(X, INDICES, epochs=1).save(path)
        loaded = cnn.load(str(path))
        assert repr(loaded) == repr(net)
        assert outputs(loaded.fit(X, INDICES, epochs=2)) == outputs(net.fit(X, INDICES, epochs=2))
        loaded.save(path)
        assert repr(cnn.load(path.read_bytes())) == repr(net)


def test_file_is_what_others_read(path):
    safetensors = pytest.importorskip("safetensors")
    net = fitted()
    net.save(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        assert sorted(file.keys()) == ["layers.0.bias", "layers.0.weight", "layers.1.bias", "layers.1.weight"]
        assert sorted(file.metadata()) == ["compiled_nn", "compiled_nn_card"]
        document = json.loads(file.metadata()["compiled_nn"])
        (W, b), _ = net.get_weights()
        np.testing.assert_array_equal(file.get_tensor("layers.0.weight"), W.T)
        np.testing.assert_array_equal(file.get_tensor("layers.0.bias"), b)
    assert document["format_version"] == 1
    assert document["library_version"] == cnn.__version__
    assert document["n_features"] == 4
    assert document["classes"] == {"dtype": "int64", "values": [0, 1, 2]}
    assert len(path.read_bytes()) < net.n_parameters * 4 + 4096


def test_weights_alone_leave_the_classes_open(path):
    net = cnn.Network([cnn.Dense(2)], seed=0)
    net.set_weights([(np.ones((4, 2)), np.zeros(2))])
    net.save(path)
    loaded = cnn.load(path)
    assert loaded.classes_.tolist() == [0, 1]
    assert loaded.partial_fit(X, np.where(INDICES == 1, "a", "b")).classes_.tolist() == ["a", "b"]


def test_given_weights_are_not_in_the_file(path):
    given = cnn.Network([cnn.Dense(3, init=np.ones((4, 3)))], seed=0).fit(X, INDICES, epochs=1)
    set_later = fitted()
    set_later.set_weights(set_later.get_weights())
    for net in (given, set_later):
        net.save(path)
        loaded = cnn.load(path)
        assert outputs(loaded) == outputs(net)
        with pytest.raises(ValueError, match=r"which its file does not hold.*warm_start=True"):
            loaded.fit(X, INDICES)
        assert outputs(loaded) == outputs(net)
        loaded.save(path)
        loaded = cnn.load(path).fit(X, INDICES, warm_start=True)
        loaded.set_weights(loaded.get_weights())
        loaded.fit(X, INDICES)


def test_a_schedule_is_not_in_the_file(path):
    net = fitted(optimizer=cnn.SGD(lambda step: 0.1, momentum=0.5))
    net.save(path)
    loaded = cnn.load(path)
    assert outputs(loaded) == outputs(net)
    assert loaded.optimizer.momentum == 0.5
    with pytest.raises(ValueError, match="was a Python function, which its file does not hold"):
        loaded.fit(X, INDICES)
    loaded.save(path)
    loaded = cnn.load(path)
    loaded.optimizer = cnn.SGD(0.1)
    loaded.fit(X, INDICES, warm_start=True)


# ---- copies


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
@pytest.mark.parametrize(
    "optimizer",
    [cnn.SGD(0.1), cnn.SGD(0.1, momentum=0.9), cnn.SGD(0.1, momentum=0.9, nesterov=True), cnn.AdamW()],
)
def test_a_copy_trains_on_exactly(optimizer, duplicate):
    net = fitted(optimizer=optimizer)
    twin = duplicate(net)
    assert repr(twin) == repr(net)
    assert twin.history == net.history
    for each in (net, twin):
        each.fit(X, INDICES, epochs=3, batch_size=7, warm_start=True)
    assert outputs(twin) == outputs(net)
    assert twin.history["loss"] == net.history["loss"]
    twin.partial_fit(X, INDICES)
    assert outputs(twin) != outputs(net)


def test_copies_keep_what_files_do_not():
    net = cnn.Network([cnn.Dense(3, init=np.ones((4, 3)))], seed=0, n_threads=2).fit(X, INDICES, epochs=1)
    twin = copy.deepcopy(net)
    assert twin.n_threads == 2
    assert outputs(twin.fit(X, INDICES)) == outputs(net.fit(X, INDICES))
    net.set_weights(net.get_weights())
    twin = pickle.loads(pickle.dumps(net))
    assert outputs(twin.fit(X, INDICES)) == outputs(net.fit(X, INDICES))


def test_an_unfitted_network_is_copied_too():
    net = pickle.loads(pickle.dumps(cnn.Network([cnn.Dense(3)], seed=1)))
    assert not hasattr(net, "classes_")
    expected = cnn.Network([cnn.Dense(3)], seed=1).fit(X, INDICES)
    assert outputs(net.fit(X, INDICES)) == outputs(expected)


def test_a_spawned_process_predicts_the_same():
    net = fitted()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(net.predict_proba, (X,)).tobytes() == net.predict_proba(X).tobytes()


# ---- writing is all or nothing


def litter(folder):
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file(step, error, path, monkeypatch):
    old = fitted(seed=5)
    old.save(path)
    before = path.read_bytes()

    def fail(*arguments):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(type(error)):
            fitted(seed=6).save(path)
    assert path.read_bytes() == before
    assert litter(path.parent) == [path.name]


FULL_DISK = """
import resource, sys
import compiled_nn as cnn
net = cnn.load(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
try:
    net.save(sys.argv[1])
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of file size are POSIX")
def test_a_full_disk_leaves_the_old_file(path, environment):
    fitted().save(path)
    before = path.read_bytes()
    command = [sys.executable, "-c", FULL_DISK, str(path)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "File too large\n"
    assert path.read_bytes() == before
    assert litter(path.parent) == [path.name]


KILLED = """
import os, sys, threading
import compiled_nn as cnn
nets = [cnn.load(path) for path in sys.argv[2:]]
print("ready", flush=True)
while True:
    for net in nets:
        net.save(sys.argv[1])
"""


def test_a_kill_leaves_one_of_the_two_files(path, tmp_path, environment):
    versions = []
    for seed in (5, 6):
        versions.append(tmp_path / f"{seed}.safetensors")
        fitted(seed=seed).save(versions[-1])
    expected = {version.read_bytes() for version in versions}
    path.write_bytes(versions[0].read_bytes())
    for delay in (0.01, 0.025, 0.04):
        command = [sys.executable, "-c", KILLED, str(path), *map(str, versions)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            time.sleep(delay)
            process.kill()
        assert path.read_bytes() in expected
        cnn.load(path)


def test_replacing_a_link_keeps_the_link(path, tmp_path):
    real = tmp_path / "real.safetensors"
    real.write_bytes(b"old")
    path.symlink_to(real)
    fitted().save(path)
    assert path.is_symlink()
    assert outputs(cnn.load(real)) == outputs(cnn.load(path))


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(FileNotFoundError):
        fitted().save(tmp_path / "nowhere" / "net.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"folder|denied"):
        fitted().save(tmp_path / "folder")
    assert litter(tmp_path) == ["folder"]


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_the_mode_follows_the_umask(path):
    before = os.umask(0o027)
    try:
        fitted().save(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
