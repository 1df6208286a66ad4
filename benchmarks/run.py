"""The benchmark: every workload with every peer, in turn, beside the bound of the machine.

Examples::

    python benchmarks/run.py                                     everything, one thread and two
    python benchmarks/run.py --only T1,I2 --peers torch,ours --rounds 5 --threads 1
    python benchmarks/run.py --check                             do all compute the same thing?
    python benchmarks/run.py --scale 0.05 --rounds 2 --seconds 0.05      smoke test
"""

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import report
from machine import describe
from peers import PEERS
from session import Session, add_options, chosen
from workloads import WORKLOADS, Workload, limit

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
TOLERANCE_OF_LOWER_PRECISION = 1e-2


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Time every workload with every peer, in turn.")
    parser.add_argument("--only", metavar="T1,I2", help=f"of {','.join(WORKLOADS)} (default: all)")
    parser.add_argument("--dtypes", metavar="float32,float64", help="default: those of each workload")
    parser.add_argument("--seconds", type=float, default=0.4, help="of a sample (default: %(default)s)")
    parser.add_argument(
        "--run-seconds", type=float, default=3.0, help="of a whole run's sample (default: %(default)s)"
    )
    parser.add_argument(
        "--cap", type=float, default=20.0, help="seconds of all samples of a peer in a workload"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="share of the rows, for smoke tests (default: 1)"
    )
    parser.add_argument("--check", action="store_true", help="compare results instead of times")
    add_options(parser)
    return parser.parse_args()


def takes_part(name: str, workload: Workload) -> bool:
    """Whether a peer does this kind of workload.

    Parameters
    ----------
    name : str
        Key of `peers.PEERS`.
    workload : Workload
        Asked about.

    Returns
    -------
    bool
    """
    return PEERS[name].inference if workload.kind == "inference" else PEERS[name].training


def time_workload(
    session: Session, workload: Workload, dtype: str, arguments: argparse.Namespace
) -> tuple[list[dict[str, Any]], list[float]]:
    """Samples of one workload: all peers loaded and warm, then round after round.

    Parameters
    ----------
    session : Session
        The peers.
    workload : Workload
        What to time.
    dtype : str
        Its data type.
    arguments : argparse.Namespace
        The command line.

    Returns
    -------
    results : list of dict
        One a peer: ``seconds`` a unit of each sample, and what else the peer told.
    peaks : list of float
        FMA peak looked at before each round; a low one tells that the machine was not free.
    """
    words = (workload.name, dtype, arguments.scale)
    seconds = arguments.run_seconds if workload.kind == "run" else arguments.seconds
    results: dict[str, dict[str, Any]] = {}
    for name in [name for name in session.peers if takes_part(name, workload)]:
        if loaded := session.ask(name, "load", *words):
            results[name] = {"peer": name, "warm_up": loaded["warm_up"], "samples": []}
    spent, peaks = dict.fromkeys(results, 0.0), []
    for _ in range(arguments.rounds):
        peaks.append(session.machine.ask("peak", dtype)["rate"])
        for name, result in results.items():
            if name not in session.peers or spent[name] > arguments.cap:
                continue
            start = time.perf_counter()
            if sample := session.ask(name, "run", *words, seconds):
                result["samples"].append(sample)
            spent[name] += time.perf_counter() - start
    return [result for result in results.values() if result["samples"]], peaks


def best_bounds(before: dict[str, Any], after: dict[str, Any], timed: list[dict[str, Any]]) -> dict[str, Any]:
    """The machine at its best during a run: a bound that a busy moment lowered would flatter everyone.

    Parameters
    ----------
    before, after : dict
        `machine.measure` at the start and at the end.
    timed : list of dict
        Results, with the peaks seen before each round.

    Returns
    -------
    dict
        Of the same form.
    """
    fma = {dtype: max(rate, after["fma"][dtype]) for dtype, rate in before["fma"].items()}
    for result in timed:
        fma[result["dtype"]] = max(fma[result["dtype"]], *result["peaks"])
    late = dict(after["read"])
    return {"fma": fma, "read": [[size, max(rate, late.get(size, 0.0))] for size, rate in before["read"]]}


def time_all(workloads: list[Workload], names: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Every workload, for each number of threads.

    Parameters
    ----------
    workloads : list of Workload
        What to time.
    names : list of str
        Peers.
    arguments : argparse.Namespace
        The command line.

    Returns
    -------
    dict
        The report as it is written to JSON; README.md explains its fields.
    """
    record: dict[str, Any] = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "machine": describe(),
        "scale": arguments.scale,
        "bounds": {},
        "versions": {},
        "blas": {},
        "results": [],
        "skipped": [],
    }
    for threads in map(int, arguments.threads.split(",")):
        with Session(names, threads, arguments) as session:
            before, timed = session.machine.ask("measure"), []
            for workload in workloads:
                for dtype in dtypes_of(workload, arguments):
                    print(f"{workload.name} {dtype}, {report.plural(threads)}", flush=True)
                    results, peaks = time_workload(session, workload, dtype, arguments)
                    common = {"workload": workload.name, "dtype": dtype, "threads": threads, "peaks": peaks}
                    timed += [common | result for result in results]
            bounds = best_bounds(before, session.machine.ask("measure"), timed)
            for result in timed:
                scaled = WORKLOADS[result["workload"]].scaled(arguments.scale)
                result["limit"] = limit(scaled, result["dtype"], threads, bounds)
            record["bounds"][str(threads)] = bounds | {"cpus": session.cpus}
            record["versions"] |= session.versions
            record["blas"] |= session.blas
            record["results"] += timed
            record["skipped"] += session.skipped
    return record


def dtypes_of(workload: Workload, arguments: argparse.Namespace) -> list[str]:
    """Data types of a workload that were asked for."""
    given = arguments.dtypes.split(",") if arguments.dtypes else workload.dtypes
    return [dtype for dtype in workload.dtypes if dtype in given]


def check(workloads: list[Workload], names: list[str], arguments: argparse.Namespace) -> bool:
    """Whether every peer computes the same: the loss after three steps, the probabilities of a prediction.

    Parameters
    ----------
    workloads : list of Workload
        What to compare.
    names : list of str
        Peers.
    arguments : argparse.Namespace
        The command line.

    Returns
    -------
    bool
        True if all that answered agree; a peer that gave no answer is printed.
    """
    agree = True
    threads = int(arguments.threads.split(",")[-1])
    with Session(names, threads, arguments) as session:
        for workload in workloads:
            for dtype in dtypes_of(workload, arguments):
                found = {
                    name: answer
                    for name in list(session.peers)
                    if takes_part(name, workload)
                    and (answer := session.ask(name, "check", workload.name, dtype))
                }
                errors = {name: error_of(answer, list(found.values())) for name, answer in found.items()}
                for name, error in errors.items():
                    low = PEERS[name].lower_precision
                    bad = error > (TOLERANCE_OF_LOWER_PRECISION if low else TOLERANCE[dtype])
                    agree &= not bad
                    numbers = " ".join(f"{key} {value:.9g}" for key, value in found[name].items())
                    print(
                        f"{workload.name} {dtype} {name}: {numbers}{' DISAGREES' if bad else ''}", flush=True
                    )
    return agree


def error_of(answer: dict[str, float], answers: list[dict[str, float]]) -> float:
    """Distance of a peer's answer from the truth, or from the median of all where only they know it.

    Parameters
    ----------
    answer : dict
        With ``error``, the distance from the oracle; or ``loss`` after and ``before`` the steps.
    answers : list of dict
        Those of all peers.

    Returns
    -------
    float
        Infinite for a training that stands still or is not finite.
    """
    if "error" in answer:
        return answer["error"] if answer["error"] == answer["error"] else float("inf")
    losses = sorted(other["loss"] for other in answers)
    middle = losses[len(losses) // 2]
    distance = abs(answer["loss"] - middle) / abs(middle)
    return distance if answer["loss"] != answer["before"] and distance == distance else float("inf")


def main() -> None:
    """Run what the command line asks for."""
    arguments = parse()
    workloads = [
        WORKLOADS[name] for name in chosen(arguments.only, list(WORKLOADS), list(WORKLOADS), "workload")
    ]
    default = [name for name, peer in PEERS.items() if peer.default]
    names = chosen(arguments.peers, list(PEERS), default, "peer")
    if arguments.check:
        sys.exit(not check(workloads, names, arguments))
    record = time_all(workloads, names, arguments)
    print(report.markdown(record))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        Path(arguments.out).write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
