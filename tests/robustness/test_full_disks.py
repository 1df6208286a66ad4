"""P7: a disk without room is an OSError; the old file is intact, and there is no litter."""

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small import blobs, classifier

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of files are those of POSIX")

# A process that saves in each way, with limits of the size of a file, or on a small file system: "room" in all. For
# each way and each limit: the old file stays, and the error is an OSError that names it.
SAVES = """
import errno, os, sys
import compiled_nn as cnn, numpy as np
from compiled_nn import cli
folder, count = sys.argv[1], int(sys.argv[2])
os.chdir(folder)
rng = np.random.default_rng(0)
X, y = rng.standard_normal((60, 40)).astype(np.float32), np.arange(60) % 3
np.savetxt("data.csv", X, delimiter=",", header=",".join(f"c{i}" for i in range(40)), comments="")
net = cnn.Network([cnn.Dense(80, "relu"), cnn.Dense(3)], n_threads=1, seed=0).fit(X, y, epochs=1)
model = cnn.MLPClassifier(hidden_layer_sizes=(80,), max_iter=2, random_state=0).fit(X, y)
net.save("model")

def callback(path):
    fitted = cnn.Network([cnn.Dense(80, "relu"), cnn.Dense(3)], n_threads=1, seed=0)
    fitted.fit(X, y, epochs=2, callbacks=[cnn.callbacks.Checkpoint(path)])

def command(path):
    status = cli.main(["predict", "model", "data.csv", "--proba", "-o", path])
    if status:
        assert status == 1
        raise OSError(errno.EFBIG, "reported on stderr", path)

WAYS = {"save": net.save, "checkpoint": net.save_checkpoint, "estimator": model.save, "callback": callback,
        "command.csv": command}
"""
LIMITS = """
import resource
for name, write in WAYS.items():
    write(name)
    with open(name, "rb") as file:
        old = file.read()
    os.chmod(name, 0o600)
    before = sorted(os.listdir())
    for i in range(count):
        limit = i * len(old) // count
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            write(name)
            print(name, limit, "no error")
        except OSError as error:
            if error.errno != errno.EFBIG or os.path.basename(error.filename) != name:
                print(name, limit, repr(error))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        with open(name, "rb") as file:
            if file.read() != old:
                print(name, limit, "changed")
        if sorted(os.listdir()) != before:
            print(name, limit, "litter", os.listdir())
    print(name, "tried")
"""


def run(code, *arguments, environment, before=()):
    command = [*before, sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_limits_of_the_size_of_a_file(tmp_path, environment, effort, figures):
    """A limit at every part of the file: header, numbers, the last bytes."""
    count = effort.count(5, 200)
    result = run(SAVES + LIMITS, tmp_path, count, environment=environment)
    assert result.returncode == 0, result.stderr
    names = ["save", "checkpoint", "estimator", "callback", "command.csv"]
    lines = [line for line in result.stdout.splitlines() if not line.startswith("predictions for")]
    assert lines == [f"{name} tried" for name in names]
    assert result.stderr.count("compiled-nn: error: ") == count, "the command line reports each"
    figures("P7 failed writes, with the old file intact and no litter", count * len(names))


FULL = """
for name, write in WAYS.items():
    write(name)
before = {name: open(name, "rb").read() for name in os.listdir()}
with open("rest", "wb", buffering=0) as file:  # leave no room at all
    try:
        while file.write(bytes(4096)): pass
    except OSError as error:
        assert error.errno == errno.ENOSPC
before["rest"] = None
for name, write in WAYS.items():
    try:
        write(name)
        print(name, "no error")
    except OSError as error:
        if name != "command.csv" and (error.errno != errno.ENOSPC or os.path.basename(error.filename) != name):
            print(name, repr(error))
    for other, old in before.items():
        if old is not None and open(other, "rb").read() != old:
            print(name, "changed", other)
    if set(os.listdir()) != before.keys():
        print(name, "litter", os.listdir())
os.remove("rest")
for name, write in WAYS.items():
    write(name)
print("done")
"""


def mounted():
    """Arguments of a command that has a file system of 1 MB at the folder "full" in the current one; None if none."""
    script = 'mkdir -p full && mount -t tmpfs -o size=1m none full && exec "$@"'
    for rights in ([], ["--user", "--map-root-user"]):
        before = ["unshare", *rights, "--mount", "sh", "-c", script, "sh"]
        if shutil.which("unshare") and subprocess.run([*before, "true"], capture_output=True).returncode == 0:
            return before
    return None


def test_a_full_file_system(tmp_path, environment, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = mounted()
    if before is None:
        pytest.skip("no file system can be mounted here")
    result = run(SAVES + FULL, tmp_path / "full", 0, environment=environment, before=before)
    assert result.returncode == 0, result.stderr
    assert [line for line in result.stdout.splitlines() if not line.startswith("predictions for")] == ["done"]
    assert result.stderr.count("No space left on device") == 1, "the command line reports it"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_device_without_room():
    X, y = blobs()
    net = classifier().fit(X, y, epochs=1)
    for save in (net.save, net.save_checkpoint):
        with pytest.raises(OSError, match="No space left on device") as caught:
            save("/dev/full")
        assert caught.value.errno == errno.ENOSPC
    with open("/dev/full", "wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        net.save(file)


# ---- memory: weights of 200 MB in a process that has little more

MEMORY = """
import resource, sys, tracemalloc
import compiled_nn as cnn, numpy as np

def used():
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines["VmData"].split()[0]) << 10, int(lines["VmRSS"].split()[0]) << 10

path, kind, units, spare = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) << 20
layers = [cnn.Dense(units, "relu"), cnn.Dense(units, "relu"), cnn.Dense(1)]
small = cnn.Network([cnn.Dense(3, "relu"), cnn.Dense(2)], n_threads=1, seed=0).fit(np.eye(2), [0, 1], epochs=1)
small.save(path + ".small")
cnn.load(path + ".small").predict(np.eye(2))
if kind == "save":
    net = cnn.Network(layers, loss="mse", n_threads=1, seed=0)
    net.partial_fit(np.ones((1, units), np.float32), [1.0])
    data, _ = used()
    resource.setrlimit(resource.RLIMIT_DATA, (data + spare, resource.RLIM_INFINITY))
    net.save(path)
else:
    data, resident = used()
    # The network itself: parameters, and zeros for gradients, which take no memory before training.
    size = 4 * (2 * units * units + 4 * units)
    resource.setrlimit(resource.RLIMIT_DATA, (data + 2 * size + (size // 2 if kind == "load" else 0) + spare, -1))
    net = cnn.load(path, mmap=kind == "map")
    print(used()[1] - resident - size)
print("done")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are those of Linux")
def test_memory_for_large_weights(tmp_path, environment, effort, figures):
    """Room for blocks is enough to save; loading has the network and one of its two layers, or none with `mmap`."""
    units, spare = effort.count(2000, 5000), 20
    size = 8 * units**2
    path = tmp_path / "net"
    for kind in ("save", "load", "map"):
        result = run(MEMORY, path, kind, units, spare, environment=environment)
        assert result.stdout.endswith("done\n"), f"{kind}: {result.stderr}"
        if kind != "save":
            more = int(result.stdout.split()[0])
            assert more < 0.1 * size + (spare << 20), "what is kept is the network"
    assert size < path.stat().st_size < size + 10**5
    figures("P7 MB of weights saved with 20 MiB to spare", size / 1e6)
