"""Benchmark of all workloads with all peers, which take turns, and of the limits of the machine.

Examples::

    python benchmarks/run.py                                     all workloads, with one and with two threads
    python benchmarks/run.py --only T1,I2 --peers torch,ours --rounds 5 --threads 1
    python benchmarks/run.py --check                             do all peers compute the same?
    python benchmarks/run.py --only I4,I5 --busy 1               p99 beside a busy process
    python benchmarks/run.py --scale 0.05 --rounds 2 --seconds 0.05      smoke test
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import report
from machine import begin_record
from peers import PEERS
from session import Session, add_options, parse_names
from workloads import WORKLOADS, Workload, limit

# Relative difference of losses, and largest error of probabilities, for --check: losses after three steps and
# probabilities differ by rounding only.
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
TOLERANCE_OF_LOWER_PRECISION = 1e-2  # bfloat16 has 8 significant bits


def parse_arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description="Time all workloads with all peers, which take turns.")
    parser.add_argument("--only", metavar="T1,I2", help=f"workloads, of {','.join(WORKLOADS)} (default: all)")
    parser.add_argument(
        "--dtypes", metavar="float32,float64", help="data types (default: those of each workload)"
    )
    parser.add_argument(
        "--seconds", type=float, default=0.4, help="seconds per sample (default: %(default)s)"
    )
    parser.add_argument(
        "--run-seconds",
        type=float,
        default=3.0,
        help="seconds per sample of a complete run (default: %(default)s)",
    )
    parser.add_argument(
        "--cap",
        type=float,
        default=20.0,
        help="maximum seconds per peer and workload (default: %(default)s)",
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="share of the rows, for smoke tests (default: 1)"
    )
    parser.add_argument(
        "--busy",
        type=int,
        default=0,
        help="number of busy processes on the CPUs of the peers during each sample (default: 0)",
    )
    parser.add_argument("--check", action="store_true", help="compare results instead of times")
    add_options(parser)
    return parser.parse_args()


def supports(name: str, workload: Workload) -> bool:
    """Return whether a peer supports this kind of workload.

    Parameters
    ----------
    name : str
        Key of `peers.PEERS`.
    workload : Workload
        Workload.

    Returns
    -------
    bool
    """
    return PEERS[name].inference if workload.kind == "inference" else PEERS[name].training


def time_workload(
    session: Session, workload: Workload, dtype: str, arguments: argparse.Namespace
) -> tuple[list[dict[str, Any]], list[float]]:
    """Return the samples of one workload: all peers load it and warm up, then take turns in each round.

    Parameters
    ----------
    session : Session
        Running peers.
    workload : Workload
        Workload to time.
    dtype : str
        Data type.
    arguments : argparse.Namespace
        Parsed command line.

    Returns
    -------
    results : list of dict
        One entry per peer, with the seconds per unit of each sample and the other values of its answers.
    peaks : list of float
        FMA peak measured before each round; it is low where other programs used the machine.
    """
    words = (workload.name, dtype, arguments.scale)
    seconds = arguments.run_seconds if workload.kind == "run" else arguments.seconds
    results: dict[str, dict[str, Any]] = {}
    for name in [name for name in session.peers if supports(name, workload)]:
        if loaded := session.request(name, "load", *words):
            results[name] = {"peer": name, "warm_up": loaded["warm_up"], "samples": []}
    spent, peaks = dict.fromkeys(results, 0.0), []
    for _ in range(arguments.rounds):
        peaks.append(session.machine.request("peak", dtype)["rate"])
        for name, result in results.items():
            if name not in session.peers or spent[name] > arguments.cap:
                continue
            start = time.perf_counter()
            with session.neighbours.running():
                sample = session.request(name, "run", *words, seconds)
            if sample:
                result["samples"].append(sample)
            spent[name] += time.perf_counter() - start
    return [result for result in results.values() if result["samples"]], peaks


def best_bounds(before: dict[str, Any], after: dict[str, Any], timed: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the highest limits measured during a run: too low a limit would make all peers look better.

    Parameters
    ----------
    before, after : dict
        Results of `machine.measure` at the start and at the end.
    timed : list of dict
        Results, with the FMA peaks measured before each round.

    Returns
    -------
    dict
        Limits in the form of `machine.measure`.
    """
    fma = {dtype: max(rate, after["fma"][dtype]) for dtype, rate in before["fma"].items()}
    for result in timed:
        fma[result["dtype"]] = max(fma[result["dtype"]], *result["peaks"])
    later = dict(after["read"])
    return {"fma": fma, "read": [[size, max(rate, later.get(size, 0.0))] for size, rate in before["read"]]}


def time_all(workloads: list[Workload], names: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Time all workloads, for each number of threads.

    Parameters
    ----------
    workloads : list of Workload
        Workloads to time.
    names : list of str
        Peers.
    arguments : argparse.Namespace
        Parsed command line.

    Returns
    -------
    dict
        Content of the JSON file; README.md describes its fields.
    """
    record = begin_record(scale=arguments.scale, busy=arguments.busy, bounds={}, skipped=[])
    for threads in map(int, arguments.threads.split(",")):
        with Session(names, threads, arguments) as session:
            before, timed = session.machine.request("measure"), []
            for workload in workloads:
                for dtype in select_dtypes(workload, arguments):
                    print(f"{workload.name} {dtype}, {report.plural(threads)}", flush=True)
                    results, peaks = time_workload(session, workload, dtype, arguments)
                    common = {"workload": workload.name, "dtype": dtype, "threads": threads, "peaks": peaks}
                    timed += [common | result for result in results]
            bounds = best_bounds(before, session.machine.request("measure"), timed)
            for result in timed:
                scaled = WORKLOADS[result["workload"]].scaled(arguments.scale)
                result["limit"] = limit(scaled, result["dtype"], threads, bounds)
            record["bounds"][str(threads)] = bounds | {"cpus": session.cpus}
            record["versions"] |= session.versions
            record["blas"] |= session.blas
            record["results"] += timed
            record["skipped"] += session.skipped
    return record


def select_dtypes(workload: Workload, arguments: argparse.Namespace) -> list[str]:
    """Return the data types of a workload that the command line selects."""
    given = arguments.dtypes.split(",") if arguments.dtypes else workload.dtypes
    return [dtype for dtype in workload.dtypes if dtype in given]


def check(workloads: list[Workload], names: list[str], arguments: argparse.Namespace) -> bool:
    """Return whether all peers compute the same loss after three steps, and the same probabilities.

    Parameters
    ----------
    workloads : list of Workload
        Workloads to compare.
    names : list of str
        Peers.
    arguments : argparse.Namespace
        Parsed command line.

    Returns
    -------
    bool
        Whether all answers agree; peers without an answer are printed and not counted.
    """
    agree = True
    threads = int(arguments.threads.split(",")[-1])
    with Session(names, threads, arguments) as session:
        for workload in workloads:
            for dtype in select_dtypes(workload, arguments):
                found = {
                    name: answer
                    for name in list(session.peers)
                    if supports(name, workload)
                    and (answer := session.request(name, "check", workload.name, dtype))
                }
                errors = {name: get_error(answer, list(found.values())) for name, answer in found.items()}
                for name, error in errors.items():
                    low = PEERS[name].lower_precision
                    bad = error > (TOLERANCE_OF_LOWER_PRECISION if low else TOLERANCE[dtype])
                    agree &= not bad
                    numbers = " ".join(f"{key} {value:.9g}" for key, value in found[name].items())
                    print(
                        f"{workload.name} {dtype} {name}: {numbers}{' DISAGREES' if bad else ''}", flush=True
                    )
    return agree


def get_error(answer: dict[str, float], answers: list[dict[str, float]]) -> float:
    """Return the error of a peer's answer: for losses, the relative difference from the median of all peers.

    Parameters
    ----------
    answer : dict
        Answer with ``error``, the largest error of the probabilities, or with ``loss`` after and ``before`` the steps.
    answers : list of dict
        Answers of all peers.

    Returns
    -------
    float
        Error; infinite for a loss that did not change or is not finite.
    """
    if "error" in answer:
        return answer["error"] if answer["error"] == answer["error"] else float("inf")
    losses = sorted(other["loss"] for other in answers)
    middle = losses[len(losses) // 2]
    distance = abs(answer["loss"] - middle) / abs(middle)
    return distance if answer["loss"] != answer["before"] and distance == distance else float("inf")


def main() -> None:
    """Compare or time the peers, print the report and write the JSON file."""
    arguments = parse_arguments()
    workloads = [
        WORKLOADS[name] for name in parse_names(arguments.only, list(WORKLOADS), list(WORKLOADS), "workload")
    ]
    default = [name for name, peer in PEERS.items() if peer.default]
    names = parse_names(arguments.peers, list(PEERS), default, "peer")
    if arguments.check:
        sys.exit(not check(workloads, names, arguments))
    record = time_all(workloads, names, arguments)
    print(report.make_report(record))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        Path(arguments.out).write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
