"""Peers of run.py and gemm.py: options, start, commands and end of their processes."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from environments import default_folder, interpreter
from peers import PEERS
from process import PeerError, Process, cpus_of

# Seconds until the threads of the previous peer sleep: thread pools spin for some time after a call. Their waiting
# policy is not changed, because that would slow their next call.
PAUSE_ALONE, PAUSE_OF_MANY = 0.02, 0.2

# A busy process with ordinary priority, also where the benchmark has real-time priority. It ends with the benchmark,
# also if that is killed.
SPIN = """
import os
parent = os.getppid()
if hasattr(os, "sched_setscheduler"):
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
while os.getppid() == parent:
    pass
"""


class Neighbours:
    """Busy processes on the CPUs of the peers; they are stopped except during `running`.

    Parameters
    ----------
    number : int
        Number of processes.
    cpus : str
        List of CPUs for taskset; the first process is pinned to the first of them, and so on.
    """

    def __init__(self, number: int, cpus: str) -> None:
        listed, taskset = cpus.split(","), shutil.which("taskset")
        self.processes = []
        for i in range(number):
            pin = [taskset, "-c", listed[i % len(listed)]] if taskset else []
            self.processes.append(subprocess.Popen([*pin, sys.executable, "-c", SPIN]))
        self.send(signal.SIGSTOP)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all processes."""
        for process in self.processes:
            os.kill(process.pid, number)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the processes run during a measurement."""
        self.send(signal.SIGCONT)
        try:
            yield
        finally:
            self.send(signal.SIGSTOP)

    def close(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.kill()
            process.wait()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for peers, environments and the number of samples.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser to extend.
    """
    parser.add_argument(
        "--peers", metavar="A,B", help=f"peers, of {','.join(PEERS)} (default: all but variants)"
    )
    parser.add_argument(
        "--threads", default="1,2", metavar="1,2", help="numbers of threads (default: %(default)s)"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="number of samples of each peer (default: %(default)s)"
    )
    parser.add_argument("--cpus", metavar="0,1", help="CPUs to pin to (default: the first available ones)")
    parser.add_argument(
        "--environments",
        type=Path,
        default=default_folder(),
        help="folder of the environments (default: %(default)s)",
    )
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="ENVIRONMENT=PATH",
        help="interpreter of an environment, such as ours=venv/bin/python (default of ours: the running one)",
    )
    parser.add_argument("--out", type=Path, help="JSON file to write")


def parse_names(text: str | None, allowed: list[str], default: list[str], noun: str) -> list[str]:
    """Split a comma-separated option and check its names.

    Parameters
    ----------
    text : str or None
        Value of the option.
    allowed : list of str
        Allowed names.
    default : list of str
        Names to return if `text` is None.
    noun : str
        Noun for the names, for the message.

    Returns
    -------
    list of str

    Raises
    ------
    SystemExit
        If a name is not allowed.
    """
    names = default if text is None else text.split(",")
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise SystemExit(f"unknown {noun} {', '.join(unknown)}; choose from {', '.join(allowed)}")
    return names


class Session:
    """Peers with one number of threads, each in a process.

    Parameters
    ----------
    names : list of str
        Keys of `peers.PEERS`.
    threads : int
        Number of threads of each peer.
    arguments : argparse.Namespace
        Parsed options of `add_options`.

    Attributes
    ----------
    peers : dict
        Running processes, by name.
    versions : dict
        Versions of the libraries of each peer.
    blas : dict
        BLAS library of each peer, with its kernels where they are known.
    skipped : list of dict
        Peers and commands without an answer, with the reason.
    neighbours : Neighbours
        Busy processes, as many as the option ``--busy`` says.
    """

    def __init__(self, names: list[str], threads: int, arguments: argparse.Namespace) -> None:
        self.threads = threads
        self.cpus = cpus_of(threads, arguments.cpus)
        self.peers: dict[str, Process] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self.blas: dict[str, str] = {}
        self.skipped: list[dict[str, Any]] = []
        pythons = dict(pair.split("=", 1) for pair in arguments.python)
        python = interpreter(arguments.environments, "ours")
        self.machine = Process(python, ["machine.py"], threads, self.cpus)
        self.neighbours = Neighbours(getattr(arguments, "busy", 0), self.cpus)
        for name in names:
            peer = PEERS[name]
            given = pythons.get(peer.environment)
            python = (
                Path(given).absolute() if given else interpreter(arguments.environments, peer.environment)
            )
            command = ["-m", f"peers.{peer.module}", "--option", peer.option]
            try:
                self.peers[name] = Process(python, command, threads, self.cpus)
            except PeerError as reason:
                self.skip(name, "start", str(reason))
            else:
                self.versions[name] = self.peers[name].hello["versions"]
                self.blas[name] = self.peers[name].hello["blas"]

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (self.machine, *self.peers.values(), self.neighbours):
            process.close()

    def skip(self, name: str, command: str, reason: str) -> None:
        """Record and print that a command has no answer.

        Parameters
        ----------
        name, command, reason : str
            Peer, command and reason.
        """
        self.skipped.append({"threads": self.threads, "peer": name, "command": command, "reason": reason})
        print(f"  {name}: {command}: skipped, {reason}", flush=True)

    def request(self, name: str, *words: object) -> dict[str, Any] | None:
        """Send a command to a peer after a pause, and return the answer.

        Parameters
        ----------
        name : str
            Name of a running peer.
        *words
            Words of the command.

        Returns
        -------
        dict or None
            Answer; None without one. The reason is then recorded, and a peer whose process has ended is removed.
        """
        time.sleep(PAUSE_ALONE if self.threads == 1 else PAUSE_OF_MANY)
        process = self.peers[name]
        try:
            answer = process.request(*words)
        except PeerError as reason:
            self.skip(name, " ".join(map(str, words)), str(reason))
            if process.process.poll() is not None:
                del self.peers[name]
                process.close()
            return None
        if "skipped" in answer:
            self.skip(name, " ".join(map(str, words)), answer["skipped"])
            return None
        return answer
