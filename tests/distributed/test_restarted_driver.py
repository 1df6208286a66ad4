"""A process that trains on shards is killed and started again: it continues from its checkpoint with the same bits."""

import signal
import subprocess
import sys
from pathlib import Path

import compiled_nn as cnn
import drivers
import faults
import pytest
from compiled_nn.distributed import pace

PROGRAM = str(Path(drivers.__file__))


def start(*arguments, environment):
    return subprocess.Popen(
        [sys.executable, PROGRAM, *map(str, arguments)], env=environment, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(("kind", "mode"), [("network", "averaging"), ("estimator", "synchronous")])
def test_killed_and_started_again(kind, mode, tmp_path, environment):
    gate = faults.Gate(str(tmp_path), "loop")
    with start(kind, mode, tmp_path / "c", tmp_path, environment=environment) as process:
        assert gate.reached() == process.pid
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert cnn.load(tmp_path / "c")
    with start(kind, mode, tmp_path / "c", "-", environment=environment) as process:
        printed = process.communicate(timeout=faults.SECONDS)[0].strip()
    whole = faults.outcome(drivers.train(kind, mode, tmp_path / "whole"))
    assert printed == whole
    assert faults.outcome(drivers.train(kind, mode, tmp_path / "c", NoBatch())) == whole


class NoBatch(cnn.callbacks.Callback):
    """Callback that fails if a step is taken."""

    def on_batch_end(self, net, epoch, batch, loss):
        pytest.fail(f"epoch {epoch} was trained")


CHANGES = {
    "rows.mode": {"mode": "synchronous"},
    "rows.steps_per_average": {"steps_per_average": 3},
    "rows.n_shards": {"n_shards": 4},
    "rows.rows of each part": {"parts": [*faults.loaders(3), faults.Loader(3, None, 61)]},
    "rows.(rows of each class|hash of the columns)": {"parts": [*faults.loaders(3), faults.Loader(7)]},
}


@pytest.mark.parametrize("what", CHANGES)
def test_other_rows_are_refused(what, tmp_path):
    drivers.train("network", "averaging", tmp_path / "c")
    rows = faults.sharded(**{"mode": "averaging", **CHANGES[what]})
    with pytest.raises(ValueError, match=rf"is the checkpoint of another run: {what}.* differs"):
        drivers.train("network", "averaging", tmp_path / "c", rows=rows)


def test_other_labels_are_refused(tmp_path):
    def rows(change):
        X, y = faults.Loader(0)()
        y[0] = (y[0] + change) % 2
        return faults.sharded([(X, y), faults.Loader(1)()])

    drivers.train("network", "averaging", tmp_path / "c", rows=rows(0))
    with pytest.raises(ValueError, match=r"is the checkpoint of another run: rows\..* differs"):
        drivers.train("network", "averaging", tmp_path / "c", rows=rows(1))


def test_a_chosen_number_of_steps_stays(tmp_path, monkeypatch):
    """With "auto" it depends on times; the process that continues has the choice of the first one."""
    seen = []

    class Steps(cnn.callbacks.Callback):
        def on_batch_end(self, net, epoch, batch, loss):
            seen.append((epoch, batch))

    class Stop(cnn.callbacks.Callback):
        def on_epoch_end(self, net, epoch, history):
            if epoch == 4:
                raise MemoryError

    def run(choice, *callbacks):
        monkeypatch.setattr(pace, "choose_steps", lambda *_: choice)
        rows = faults.sharded([faults.Loader(i, None, 400) for i in range(2)], steps_per_average="auto")
        checkpoint = cnn.callbacks.Checkpoint(tmp_path / "c", resume=True)
        faults.network().fit(rows, epochs=6, batch_size=10, callbacks=[checkpoint, Steps(), *callbacks])

    with pytest.raises(MemoryError):
        run(5, Stop())
    run(20)
    assert [batch for epoch, batch in seen if epoch == 6] == [5, 10, 15, 20, 25, 30, 35, 40]
