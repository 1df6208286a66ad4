"""Runner's side of the protocol: one process per peer, in its environment and pinned to CPUs."""

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
# Variables that override what OpenBLAS detects; with the values of another machine a peer would be slow.
OPENBLAS_VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class PeerError(Exception):
    """A peer did not start, ended early or took too long."""


def environment_variables(threads: int) -> dict[str, str]:
    """Return the environment variables of a peer: one number of threads for all libraries, no settings of OpenBLAS.

    Parameters
    ----------
    threads : int
        Number of threads.

    Returns
    -------
    dict
        Copy of the environment of this process, with the variables set and without `OPENBLAS_VARIABLES`.
    """
    variables = {name: value for name, value in os.environ.items() if name not in OPENBLAS_VARIABLES}
    variables |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    variables |= {"JAX_PLATFORMS": "cpu", "PYTHONDONTWRITEBYTECODE": "1"}
    if threads == 1:
        variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    return variables


def cpus_of(threads: int, given: str | None) -> str:
    """Return the CPUs to pin to, as a list for taskset.

    Parameters
    ----------
    threads : int
        Number of CPUs that are needed.
    given : str or None
        List given by the user, such as ``"0,1"``; None: the first CPUs that this process may use.

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
        raise ValueError(f"{threads} threads need {threads} CPUs; there are {len(cpus)} ({','.join(cpus)})")
    return ",".join(cpus[:threads])


class Process:
    """A peer that answers commands.

    Parameters
    ----------
    python : Path
        Interpreter of the environment.
    arguments : list of str
        Arguments of the interpreter, which runs in the folder of the benchmarks.
    threads : int
        Number of threads that the peer may use.
    cpus : str
        CPUs to pin to; without the program ``taskset`` the process is not pinned.

    Raises
    ------
    PeerError
        If the interpreter does not exist, or the process ends at once.
    """

    def __init__(self, python: Path, arguments: list[str], threads: int, cpus: str) -> None:
        if not python.exists():
            raise PeerError(f"{python} does not exist; create it with environments.py")
        taskset = shutil.which("taskset")
        pin = [taskset, "-c", cpus] if taskset else []
        self.command = [*pin, str(python), *arguments, "--threads", str(threads)]
        # Open until `close`.
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
        self.hello = self.read_answer(120.0)

    def read_answer(self, timeout: float) -> dict[str, Any]:
        """Wait for one line, and parse it.

        Parameters
        ----------
        timeout : float
            Seconds after which the process is killed.

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

    def request(self, *words: object, timeout: float = 180.0) -> dict[str, Any]:
        """Send a command and return its answer.

        Parameters
        ----------
        *words
            Words of the command.
        timeout : float
            Seconds to wait. Default 180.

        Returns
        -------
        dict

        Raises
        ------
        PeerError
            If the process ended, took too long or answered with an error.
        """
        assert self.process.stdin is not None
        try:
            print(*words, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise PeerError("the process had ended before the command") from None
        answer = self.read_answer(timeout)
        if "error_type" in answer:
            raise PeerError(f"{answer['error_type']}: {answer['message']}")
        return answer

    def close(self) -> None:
        """End the process; kill it if it does not end within 10 seconds."""
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
