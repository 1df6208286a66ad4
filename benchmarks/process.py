"""The runner's side of the conversation: one process a peer, in its own environment, on given CPUs."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from threading import Timer
from typing import Any

HERE = Path(__file__).resolve().parent
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "COMPILED_NN_NUM_THREADS",
)
# Settings that replace what OpenBLAS detects: a peer with those of another machine is slow.
OPENBLAS_VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class PeerError(Exception):
    """A peer that could not start, died or took too long."""


def environment_variables(threads: int) -> dict[str, str]:
    """Environment of a peer: the same number of threads for every library, OpenBLAS's own choice of kernels.

    Parameters
    ----------
    threads : int
        That number.

    Returns
    -------
    dict
        A copy of this process's environment with the variables set, and without `OPENBLAS_VARIABLES`.
    """
    variables = {name: value for name, value in os.environ.items() if name not in OPENBLAS_VARIABLES}
    variables |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    variables |= {"JAX_PLATFORMS": "cpu", "PYTHONDONTWRITEBYTECODE": "1"}
    if threads == 1:
        variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    return variables


def cpus_of(threads: int, given: str | None) -> str:
    """CPUs to pin to, as taskset lists them.

    Parameters
    ----------
    threads : int
        How many are needed.
    given : str or None
        The user's list, ``"0,1"``; None takes the first this process may use.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there are fewer CPUs than threads.
    """
    if given is None:
        usable = (
            sorted(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else range(os.cpu_count() or 1)
        )
        cpus = [str(cpu) for cpu in usable]
    else:
        cpus = given.split(",")
    if len(cpus) < threads:
        raise ValueError(f"{threads} threads need as many CPUs; there are {len(cpus)} ({','.join(cpus)})")
    return ",".join(cpus[:threads])


class Process:
    """A peer that answers commands.

    Parameters
    ----------
    python : Path
        Interpreter of its environment.
    arguments : list of str
        What it runs, from the folder of the benchmarks.
    threads : int
        Threads it may use.
    cpus : str
        CPUs it is pinned to; without a ``taskset`` program it is not pinned.

    Raises
    ------
    PeerError
        If the interpreter is missing or the process dies at once.
    """

    def __init__(self, python: Path, arguments: list[str], threads: int, cpus: str) -> None:
        if not python.exists():
            raise PeerError(f"{python} does not exist; create it with environments.py")
        taskset = shutil.which("taskset")
        pin = [taskset, "-c", cpus] if taskset else []
        self.command = [*pin, str(python), *arguments, "--threads", str(threads)]
        # Open as long as the process lives; closed by `close`.
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            self.command,
            cwd=HERE,
            env=environment_variables(threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.hello = self.answer(120.0)

    def answer(self, timeout: float) -> dict[str, Any]:
        """Wait for one line.

        Parameters
        ----------
        timeout : float
            Seconds after which the process is ended.

        Returns
        -------
        dict

        Raises
        ------
        PeerError
            If there is no line.
        """
        assert self.process.stdout is not None
        timer = Timer(timeout, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        if not line:
            status = self.process.wait()
            self.errors.seek(0)
            tail = self.errors.read().strip().splitlines()[-1:]
            raise PeerError(
                f"ended with status {status}: {' '.join(tail) or f'no answer within {timeout:.0f} s'}"
            )
        return json.loads(line)

    def ask(self, *words: object, timeout: float = 180.0) -> dict[str, Any]:
        """Send a command and wait for its answer.

        Parameters
        ----------
        *words
            The command.
        timeout : float
            Seconds to wait. Default 180.

        Returns
        -------
        dict

        Raises
        ------
        PeerError
            If the process died, took too long or answered with an error.
        """
        assert self.process.stdin is not None
        try:
            print(*words, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise PeerError("ended before") from None
        answer = self.answer(timeout)
        if "error_type" in answer:
            raise PeerError(f"{answer['error_type']}: {answer['message']}")
        return answer

    def close(self) -> None:
        """End the process; one that does not listen is killed."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.errors.close()
