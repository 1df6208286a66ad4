"""Memory and time of training on more rows than fit into memory, which the workers generate while they train.

    python benchmarks/out_of_core.py --gigabytes 1
    python benchmarks/out_of_core.py --gigabytes 20 --engine dask --out out_of_core.json

The rows are float32 numbers of 100 columns in parts of 50,000 rows (20 MB). A part is drawn from its number, on the
worker that needs it, each time that it is needed: no file is read, and nothing is kept but the parts in use. The driver
trains a network of 100-32-1 for one epoch, averaging the weights of two workers. Peak memory is that of the
operating system: `VmHWM` of each process, and the highest sum of its private pages, which are read five times a second.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from clusters import ENGINES, open_engine

N_COLUMNS = 100
ROWS = 50_000  # of a part
MB = 1e6
LIMIT = 500  # MB of private memory that a worker may use


def make_part(number: int) -> tuple[Any, Any]:
    """Return the rows of a part, and whether a product of two of their columns is above another one."""
    rng = np.random.Generator(np.random.SFC64(number))
    X = rng.random((ROWS, N_COLUMNS), dtype=np.float32)
    return X, X[:, 0] * X[:, 1] > 0.5 * X[:, 2]


class Memory:
    """Memory of some processes: the highest number of private bytes, read by a thread.

    Parameters
    ----------
    processes : dict
        Name of each process by its number.

    Attributes
    ----------
    private : dict
        Highest number of private bytes of each process that was seen, by its number.
    """

    def __init__(self, processes: dict[int, str]) -> None:
        self.processes = processes
        self.private = dict.fromkeys(processes, 0)
        self._ended = threading.Event()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Read the memory during the block."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.2):
            for pid, highest in self.private.items():
                self.private[pid] = max(highest, private_bytes(pid))

    def table(self) -> list[dict[str, Any]]:
        """Return name, peak resident and peak private megabytes of each process."""
        return [
            {"process": name, "resident": peak_resident(pid) / MB, "private": self.private[pid] / MB}
            for pid, name in self.processes.items()
        ]


def private_bytes(pid: int) -> int:
    """Return the bytes of the pages of a process that it shares with no other one."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Private_"))


def peak_resident(pid: int) -> int:
    """Return the highest number of resident bytes of a process so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def run(engine: Any, gigabytes: float, mode: str) -> dict[str, Any]:
    """Train for one epoch; return the score, times, and memory."""
    import compiled_nn as cnn

    n_parts = max(round(gigabytes * 1e9 / (ROWS * N_COLUMNS * 4)), 2)
    parts = [partial(make_part, number) for number in range(n_parts)]
    rows = cnn.distributed.ShardedRows(parts, engine=engine, n_shards=2, mode=mode, in_memory=False)
    workers = {pid: f"worker {i}" for i, pid in enumerate(sorted(engine.pids()))}
    memory = Memory({os.getpid(): "driver", **workers})
    net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(1)], loss="binary_cross_entropy", seed=0)
    start, cpu = time.perf_counter(), time.process_time()
    with memory.watched():
        net.fit(rows, epochs=1, batch_size=500)
    seconds = time.perf_counter() - start
    X, y = make_part(n_parts)
    return {
        "gigabytes": n_parts * ROWS * N_COLUMNS * 4 / 1e9,
        "rows": n_parts * ROWS,
        "parts": n_parts,
        "seconds": seconds,
        "seconds of the epoch": net.history["seconds"][-1],
        "seconds of CPU of the driver": time.process_time() - cpu,
        "score": net.score(X, y),
        "pace": rows.pace_.report() if hasattr(rows, "pace_") else "",
        "memory": memory.table(),
    }


def main() -> None:
    """Train, and print memory and times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--engine", choices=ENGINES, default="processes")
    parser.add_argument("--mode", choices=("averaging", "synchronous"), default="averaging")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with open_engine(options.engine, 2) as engine:
        found = run(engine, options.gigabytes, options.mode)
    print(
        f"{found['gigabytes']:.3g} GB, {found['rows']:,} rows in {found['parts']} parts: {found['seconds']:.0f} s,"
        f" of which the epoch {found['seconds of the epoch']:.0f} s; score {found['score']:.3f}\n{found['pace']}\n\n"
        "| process | peak resident, MB | peak private, MB |\n|---|---|---|"
    )
    for row in found["memory"]:
        print(f"| {row['process']} | {row['resident']:.0f} | {row['private']:.0f} |")
    if options.out:
        options.out.write_text(json.dumps(found, indent=1))
    most = max(row["private"] for row in found["memory"])
    print(f"\nlargest private memory: {most:.0f} MB, {'below' if most < LIMIT else 'ABOVE'} {LIMIT} MB")


if __name__ == "__main__":
    main()
