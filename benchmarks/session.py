"""What run.py and gemm.py share: the peers that were asked for, started, asked in turn and closed."""

import argparse
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from environments import default_folder, interpreter
from peers import PEERS
from process import PeerError, Process, cpus_of

# Seconds for the threads of the peer before to fall asleep: thread pools spin a while after their last call,
# and nobody's waiting policy is changed, since that would slow their next one.
PAUSE_ALONE, PAUSE_OF_MANY = 0.02, 0.2


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options that choose peers, their environments and the number of samples.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Extended in place.
    """
    parser.add_argument(
        "--peers", metavar="A,B", help=f"of {','.join(PEERS)} (default: those that are no variants)"
    )
    parser.add_argument(
        "--threads", default="1,2", metavar="1,2", help="numbers of threads (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="samples of each peer (default: %(default)s)")
    parser.add_argument("--cpus", metavar="0,1", help="CPUs to pin to (default: the first that may be used)")
    parser.add_argument(
        "--environments", type=Path, default=default_folder(), help="folder (default: %(default)s)"
    )
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="ENVIRONMENT=PATH",
        help="interpreter of an environment, such as ours=venv/bin/python (default of ours: this one)",
    )
    parser.add_argument("--out", type=Path, help="JSON file to write")


def chosen(text: str | None, known: list[str], default: list[str], what: str) -> list[str]:
    """Split a comma-separated option and check its names.

    Parameters
    ----------
    text : str or None
        The option.
    known : list of str
        Names there are.
    default : list of str
        Returned for None.
    what : str
        The thing named, for the message.

    Returns
    -------
    list of str

    Raises
    ------
    SystemExit
        If a name is unknown.
    """
    names = default if text is None else text.split(",")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"unknown {what} {', '.join(unknown)}; there are {', '.join(known)}")
    return names


class Session:
    """The peers of one number of threads, each in its process.

    Parameters
    ----------
    names : list of str
        Keys of `peers.PEERS`.
    threads : int
        Threads of each.
    arguments : argparse.Namespace
        Of `add_options`.

    Attributes
    ----------
    peers : dict
        Running processes by name.
    versions : dict
        Versions of each peer's libraries.
    blas : dict
        BLAS library of each peer, with the kernels that it chose where it tells them.
    skipped : list of dict
        Peers and commands that gave no answer, with the reason.
    """

    def __init__(self, names: list[str], threads: int, arguments: argparse.Namespace) -> None:
        self.threads = threads
        self.cpus = cpus_of(threads, arguments.cpus)
        self.peers: dict[str, Process] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self.blas: dict[str, str] = {}
        self.skipped: list[dict[str, Any]] = []
        pythons = dict(pair.split("=", 1) for pair in arguments.python)
        own = interpreter(arguments.environments, "ours")
        self.machine = Process(own, ["machine.py"], threads, self.cpus)
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
        for process in (self.machine, *self.peers.values()):
            process.close()

    def skip(self, name: str, command: str, reason: str) -> None:
        """Note and print what gave no answer.

        Parameters
        ----------
        name, command, reason : str
            Peer, what it was asked, what it said.
        """
        self.skipped.append({"threads": self.threads, "peer": name, "command": command, "reason": reason})
        print(f"  {name}: {command}: skipped, {reason}", flush=True)

    def ask(self, name: str, *words: object) -> dict[str, Any] | None:
        """Ask a peer after a pause.

        Parameters
        ----------
        name : str
            Which one; must be running.
        *words
            The command.

        Returns
        -------
        dict or None
            None if it has no answer; the reason is noted, and a peer that died is not asked again.
        """
        time.sleep(PAUSE_ALONE if self.threads == 1 else PAUSE_OF_MANY)
        process = self.peers[name]
        try:
            answer = process.ask(*words)
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
