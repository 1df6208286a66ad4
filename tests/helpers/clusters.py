"""Clusters of worker processes on this machine, for the tests of compiled_nn.dask; everything is bounded in time."""

import contextlib
import logging
import os
import time

import dask
import distributed

CONFIG = {
    "distributed.admin.tick.limit": "60s",  # no line in the log for a busy machine
    "distributed.comm.timeouts.connect": "30s",
    "distributed.comm.timeouts.tcp": "60s",
    "distributed.diagnostics.nvml": False,
    "distributed.scheduler.allowed-failures": 3,
    "distributed.scheduler.dashboard.status.task-stream-length": 0,
    "distributed.worker.profile.enabled": False,
    "distributed.worker.multiprocessing-method": "spawn",
}


@contextlib.contextmanager
def cluster(folder, n_workers=2, *, nannies=True, seconds=60, config=None):
    """Yield a client of a new cluster on the loopback interface, without dashboards, and end all of it afterwards.

    Parameters
    ----------
    folder : path-like
        Folder for the workers' files.
    n_workers : int, default 2
        Number of worker processes, each with one thread.
    nannies : bool, default True
        Whether each worker is a separate process with a nanny, which starts a worker again that has ended; otherwise
        the workers are threads of this process.
    seconds : float, default 60
        Limit of the start, and of the end.
    config : dict, optional
        Further settings of Dask, in this process and in the workers.
    """
    # A nanny sends the settings of this process to its worker.
    with dask.config.set({**CONFIG, **(config or {})}):
        local = distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=nannies,
            host="127.0.0.1",
            protocol="tcp://",  # also for workers that are threads
            dashboard_address=None,
            memory_limit=0,
            silence_logs=logging.CRITICAL,
            local_directory=os.fspath(folder),
            death_timeout=seconds,
            # Without a dashboard the scheduler would still listen on the port 8787, with a warning if it is in use.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        )
        try:
            with distributed.Client(local, timeout=seconds, set_as_default=False) as client:
                client.wait_for_workers(n_workers, timeout=seconds)
                yield client
        finally:
            local.close(timeout=seconds)


def processes(client):
    """Return the process id of each worker, by its address."""
    return client.run(os.getpid)


def wait_until(condition, seconds=30):
    """Wait until `condition()` is true, and return its value; an AssertionError after some seconds."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"not true after {seconds} seconds"
        time.sleep(0.02)
    return value


# ---- functions of tasks: of a module that the workers can import


def same(value):
    """Return the value itself."""
    return value


def arrange(*values):
    """Return the arguments."""
    return values


def total(number, arrays):
    """Return a number plus the sums of arrays in nested lists and tuples."""
    for array in arrays:
        if isinstance(array, (list, tuple)):
            number = total(number, array)
        elif not isinstance(array, dict):
            number += array.sum() if hasattr(array, "sum") else array
    return number


def first(array, _):
    """Return the first number of an array."""
    return array[0]


def state_of(rows, state, number):
    """Return properties of the arguments of a task like those of training."""
    return len(rows), float(state["weight"].sum()), number


def address(_):
    """Return the address of the worker that runs this."""
    return distributed.get_worker().address


def address_of(_):
    """Return the address of the worker that runs this."""
    return distributed.get_worker().address


def nap(seconds, value):
    """Return a value after some seconds."""
    time.sleep(seconds)
    return value


def fail(seconds, message):
    """Raise a ValueError after some seconds, if there is a message."""
    time.sleep(seconds)
    if message is not None:
        raise ValueError(message)


def fail_twice(path):
    """Raise an OSError in the first two calls with a path; return the number of the call."""
    with open(path, "a+", encoding="utf-8") as file:
        file.write("x")
        file.seek(0)
        calls = len(file.read())
    if calls < 3:
        raise OSError("not yet")
    return calls
