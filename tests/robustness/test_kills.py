"""P7: a process that is killed while it saves leaves the old file or the new one, and no litter after the next save."""

import os
import signal
import subprocess
import sys

import compiled_nn as cnn
import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")

# A process that imports the package once and forks a child for each line with a delay; the child saves until it is
# killed, that many seconds after its first save. A save takes some milliseconds, so that kills hit all parts of it.
SAVES = """
import os, signal, sys, time
import compiled_nn as cnn, numpy as np
path, kind = sys.argv[1:]
X, y = np.zeros((30, 300), np.float32), np.arange(30) % 3
shapes = [(300, 700), (700, 700), (700, 3)]

def save(ready):
    net = cnn.Network([cnn.Dense(700, "relu"), cnn.Dense(700, "relu"), cnn.Dense(3)], n_threads=1, seed=0)
    class Ready(cnn.callbacks.Callback):
        def on_epoch_end(self, net, epoch, history):
            if epoch == 1:
                os.write(ready, b"1")
    if kind == "callback":
        net.fit(X, y, epochs=10**6, callbacks=[cnn.callbacks.Checkpoint(path), Ready()])
    for number in range(10**6):
        net.set_weights([(np.full(shape, number, np.float32), np.full(shape[1], number)) for shape in shapes])
        net.save(path, metadata={"number": number})
        if number == 0:
            os.write(ready, b"1")

for delay in sys.stdin:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            save(write)
        finally:
            os._exit(1)
    os.close(write)
    started = os.read(read, 1)
    time.sleep(float(delay))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(read)
    print(len(started), os.WTERMSIG(status), flush=True)
"""


@pytest.mark.parametrize("kind", ["save", "callback"])
def test_kills(kind, tmp_path, effort, figures, environment, rng):
    """No unreadable file: each one is a whole old or a whole new one."""
    path, least, n_kills, n_left = tmp_path / "net", effort.count(10, 200), 0, 0
    command = [sys.executable, "-c", SAVES, path, kind]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        # On a busy machine kills hit the writing rarely.
        while n_kills < least or (n_left < least // 10 and n_kills < 20 * least):
            n_kills += 1
            server.stdin.write(f"{rng.uniform(0, 0.06)}\n")
            server.stdin.flush()
            assert server.stdout.readline() == f"1 {int(signal.SIGKILL)}\n"
            check_whole(path, kind)
            litter = [name for name in os.listdir(tmp_path) if name != "net"]
            assert len(litter) <= 1, "each process removes what the one before it left"
            n_left += len(litter)
    assert n_left >= least // 10, "kills hit the writing; otherwise this test would show nothing"
    cnn.load(path).save(path)
    assert os.listdir(tmp_path) == ["net"], "the next save removes what was left"
    figures(f"P7 kills of a {kind}", n_kills)
    figures(f"P7 unreadable files after kills of a {kind}", 0)
    figures(f"P7 temporary files left by kills of a {kind}, removed by the next save", n_left)


def check_whole(path, kind):
    """The file holds one state: that of one call of `save`, or of one epoch."""
    if kind == "callback":
        net = cnn.load_checkpoint(path)
        assert len(net.history["loss"]) == net.history["epoch"][-1] >= 1
        return
    net = cnn.load(path)
    number = net.metadata["number"]
    for W, b in net.get_weights():
        assert (number == W).all()
        assert (b == number).all()
