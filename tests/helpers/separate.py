"""Clusters whose scheduler, nannies and workers are separate processes, so that a test can end each of them."""

import contextlib
import json
import os
import subprocess
import sys
import threading

import distributed
import psutil
from clusters import CONFIG
from faults import SECONDS, wait_for


class Separate:
    """Cluster of separate processes on the loopback interface.

    Parameters
    ----------
    folder : path
        Folder for files of the processes.
    config : dict, optional
        Further settings of Dask.
    memory_limit : str or int, default 0
        Memory limit of a worker; 0 for none.

    Attributes
    ----------
    scheduler : Popen
        Process of the scheduler.
    address : str
        Its address.
    """

    def __init__(self, folder, config=None, memory_limit=0):
        self._folder, self._memory_limit = folder, memory_limit
        settings = {**CONFIG, **(config or {})}
        names = {name: f"DASK_{name.replace('.', '__').replace('-', '_').upper()}" for name in settings}
        self._environment = {**os.environ, **{names[name]: repr(value) for name, value in settings.items()}}
        self._processes = []
        path = folder / "scheduler.json"
        ports = ("--port", 0, "--no-dashboard", "--dashboard-address", "127.0.0.1:0")
        self.scheduler = self._start("scheduler", "--scheduler-file", path, *ports)
        try:
            wait_for(lambda: path.exists() and path.read_text().endswith("}"), "the scheduler has started")
        except BaseException:
            self.close()
            raise
        self.address = json.loads(path.read_text())["address"]

    def add_worker(self, **environment):
        """Start a worker with a nanny, whose process is returned; `environment` has further variables."""
        folder = self._folder / f"worker{len(self._processes)}"
        return self._start(
            "worker",
            self.address,
            *(
                "--nthreads",
                1,
                "--no-dashboard",
                "--memory-limit",
                self._memory_limit,
                "--local-directory",
                folder,
            ),
            "--nanny",
            **environment,
        )

    def _start(self, kind, *arguments, **environment):
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--host", "127.0.0.1"]
        with open(self._folder / f"{kind}{len(self._processes)}.log", "w") as log:
            process = subprocess.Popen(
                [*command, *map(str, arguments)],
                env={**self._environment, **environment},
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def close(self):
        """Kill all processes that are left."""
        for process in self._processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                children = psutil.Process(process.pid).children(recursive=True)
                for each in [psutil.Process(process.pid), *children]:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        each.kill()
            process.wait(SECONDS)


@contextlib.contextmanager
def cluster(folder, n_workers=2, **options):
    """Yield a cluster of separate processes and a client; options are those of `Separate`."""
    folder.mkdir(parents=True, exist_ok=True)
    own = Separate(folder, **options)
    try:
        for _ in range(n_workers):
            own.add_worker()
        with distributed.Client(own.address, timeout=SECONDS, set_as_default=False) as client:
            client.wait_for_workers(n_workers, timeout=SECONDS)
            yield own, client
    finally:
        own.close()


@contextlib.contextmanager
def meanwhile(function):
    """Run a function in another thread during the block; its error is raised at the end."""
    errors = []

    def run():
        try:
            function()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(SECONDS)
        assert not thread.is_alive()
        if errors:
            raise errors[0]
