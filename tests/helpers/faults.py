"""Faults of the processes of distributed training: gates at which a call waits, or its process ends or hangs.

A gate is a folder. Calls that pass a gate are numbered in all processes together; the call with the number of the gate
writes the file `reached`, and then does what the gate says. Tests wait for such files, never for a time.
"""

import contextlib
import dataclasses
import importlib
import os
import signal
import time
from pathlib import Path

import compiled_nn as cnn
import numpy as np

SECONDS = 120  # limit of each wait
CALLS = 100_000


def wait_for(condition, what, seconds=SECONDS):
    """Wait until `condition()` is true, and return its value; an AssertionError after some seconds."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds} seconds"
        time.sleep(0.01)
    return value


@dataclasses.dataclass(frozen=True)
class Gate:
    """Gate in a folder.

    Parameters
    ----------
    folder : str
        Folder, which exists.
    deed : {"die", "hang", "loop", "wait", "raise"}
        Deed of the call: its process is killed, or stopped as by Ctrl-Z; it never returns; it waits for the file
        `open`; it raises a ConnectionResetError.
    at : int, default 0
        Number of the call, from 0.
    """

    folder: str
    deed: str
    at: int = 0

    def __call__(self):
        """Pass the gate, or do what it says."""
        if self._number() != self.at:
            return
        self.file("reached").write_text(str(os.getpid()))
        if self.deed == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.deed == "hang":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif self.deed == "raise":
            raise ConnectionResetError("the storage has reset the connection")
        while self.deed in ("loop", "wait"):
            if self.deed == "wait" and self.file("open").exists():
                break
            time.sleep(0.01)

    def _number(self):
        """Return the number of this call, which no other call gets."""
        for number in range(self.at + 1, CALLS) if self.file("reached").exists() else range(CALLS):
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.file(f"call{number}"), os.O_CREAT | os.O_EXCL))
                return number
        raise AssertionError("too many calls")

    def file(self, name):
        """Return the path of a file of the gate."""
        return Path(self.folder) / name

    def reached(self):
        """Wait until a call has reached the gate, and return the id of its process."""
        path = self.file("reached")
        wait_for(lambda: path.exists() and path.read_text(), "a call reaches the gate")
        return int(path.read_text())

    def has_been_reached(self):
        """Return whether a call has reached the gate."""
        return self.file("reached").exists()


@dataclasses.dataclass(frozen=True)
class Guarded:
    """Function of a module, after which a gate is passed: its work is done, and its result is lost."""

    function: object
    gate: Gate

    def __call__(self, *arguments):
        """Return the result of the function."""
        result = self.function(*arguments)
        self.gate()
        return result


def guard(gate, name="train", module="compiled_nn.distributed.tasks"):
    """Put a gate after a function of a module, in this process: tests run this function on workers."""
    owner = importlib.import_module(module)
    setattr(owner, name, Guarded(getattr(owner, name), gate))


# ---- rows


@dataclasses.dataclass(frozen=True)
class Loader:
    """Function without arguments that returns a part; `gate` is passed before, and `folder` has a file per call.

    Parameters
    ----------
    number : int
        Number of the part, from which its rows follow.
    gate : Gate, optional
        Gate that is passed before the rows are returned.
    n_rows : int, default 60
        Number of rows.
    """

    number: int
    gate: Gate | None = None
    n_rows: int = 60

    def __call__(self):
        """Return X (m, 5) and y (m,)."""
        if self.gate is not None:
            self.gate()
        rng = np.random.default_rng(self.number)
        X = rng.normal(size=(self.n_rows, 5)).astype("float32")
        return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def loaders(n_parts=4, gates=()):
    """Return functions that load parts; `gates` has gates by the number of a part."""
    given = dict(gates)
    return [Loader(number, given.get(number)) for number in range(n_parts)]


def sharded(parts=None, **options):
    """Return sharded rows of two shards."""
    options = {"n_shards": 2, "steps_per_average": 2, **options}
    return cnn.distributed.ShardedRows(loaders() if parts is None else parts, **options)


def write_parquet(path, number):
    """Write a part as a Parquet file, and return its path."""
    import pyarrow as pa
    from pyarrow import parquet

    X, y = Loader(number)()
    parquet.write_table(pa.table({f"x{i}": column for i, column in enumerate(X.T)} | {"y": y}), path)
    return path


def read_parquet(path):
    """Return a part of a Parquet file."""
    from pyarrow import parquet

    table = parquet.read_table(path)
    return np.column_stack([table[name].to_numpy() for name in table.column_names[:-1]]), table[
        "y"
    ].to_numpy()


def fail(path):
    """Raise an error of a storage."""
    raise RuntimeError("the storage does not answer")


def with_nan(number):
    """Return a part with a value that is missing."""
    X, y = Loader(number)()
    X[7, 3] = np.nan
    return X, y


def too_large():
    """Fill the memory until the process is ended; a limit that does not hold leaves it with 2 GB."""
    blocks = []
    while True:
        if len(blocks) < 100:
            blocks.append(np.ones(2_500_000))
        time.sleep(0.02)


# ---- models


def network(**parameters):
    """Return a small network with dropout, so that its state has all parts."""
    layers = [cnn.Dense(8, "relu", dropout=0.1), cnn.Dense(1)]
    parameters = {"loss": "binary_cross_entropy", "standardize": True, "seed": 1, **parameters}
    return cnn.Network(layers, **parameters)


def outcome(model):
    """Return the result of a fit, without times, as text that is equal for equal bits."""
    net = getattr(model, "network_", model)
    history = {name: column for name, column in net.history.items() if name != "seconds"}
    weights = [array.tobytes().hex() for pair in net.get_weights() for array in pair]
    names = ("n_iter_", "t_", "loss_curve_", "best_iter_", "validation_scores_", "best_validation_score_")
    fitted = {name: getattr(model, name, None) for name in names}
    return repr([weights, history, net.stop_reason_, net.best_epoch_, fitted])
