"""Matrix products alone, at every shape the workloads need: NumPy's BLAS, torch's and ours.

Examples::

    python benchmarks/gemm.py                                        each product as its workload needs it
    python benchmarks/gemm.py --orders NN,NT,TN --dtypes float32     every shape in every order
    python benchmarks/gemm.py --only T6,I7 --rounds 3 --threads 1

NN is the forward product A B, TN the gradient of the weights A' B, NT that of the inputs A B'; m x n x k is
an (m, k) by (k, n) product always.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from statistics import median
from typing import Any

from machine import describe
from peers import PEERS
from report import blas_line, plural, table
from session import Session, add_options, chosen
from workloads import ITEMSIZE, WORKLOADS

DEFAULT = [name for name, peer in PEERS.items() if peer.gemm]


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Time the matrix products of the workloads alone.")
    parser.add_argument("--only", metavar="T1,I2", help="workloads whose shapes to take (default: all)")
    parser.add_argument(
        "--orders", metavar="NN,NT,TN", help="every shape in these (default: as each is needed)"
    )
    parser.add_argument("--dtypes", default="float32,float64", help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=0.05, help="of a sample (default: %(default)s)")
    parser.add_argument(
        "--min-flops", type=float, default=1e5, help="leave smaller products out (default: 1e5)"
    )
    add_options(parser)
    return parser.parse_args()


def products(names: list[str], orders: list[str] | None, smallest: float) -> list[tuple[str, int, int, int]]:
    """The different products of some workloads, in their order.

    Parameters
    ----------
    names : list of str
        Keys of `workloads.WORKLOADS`.
    orders : list of str or None
        Every shape in each of these; None keeps the order in which it is needed.
    smallest : float
        Floating-point operations below which a product is left out.

    Returns
    -------
    list of (str, int, int, int)
        Order, m, n, k.
    """
    needed = [product for name in names for product in WORKLOADS[name].gemms()]
    if orders:
        needed = [(order, *shape) for _, *shape in needed for order in orders]
    return [(o, m, n, k) for o, m, n, k in dict.fromkeys(needed) if 2 * m * n * k >= smallest]


def time_products(session: Session, dtype: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Samples of all products in one data type.

    Parameters
    ----------
    session : Session
        The peers.
    dtype : str
        ``"float32"`` or ``"float64"``.
    arguments : argparse.Namespace
        The command line.

    Returns
    -------
    list of dict
        One a product: order, shape, FMA peak at that moment, samples by peer.
    """
    workloads = chosen(arguments.only, list(WORKLOADS), list(WORKLOADS), "workload")
    orders = chosen(arguments.orders, ["NN", "NT", "TN"], [], "order")
    results = []
    for order, m, n, k in products(workloads, orders, arguments.min_flops):
        peak = session.machine.ask("peak", dtype)["rate"]
        samples: dict[str, list[float]] = {}
        for _ in range(arguments.rounds):
            for name in list(session.peers):
                if answer := session.ask(name, "gemm", order, dtype, m, n, k, arguments.seconds):
                    samples.setdefault(name, []).append(answer["seconds"])
                elif name in session.peers:
                    # It has no product at all: it is not asked for the next.
                    session.peers.pop(name).close()
        shape = {"order": order, "m": m, "n": n, "k": k, "dtype": dtype, "threads": session.threads}
        results.append(
            shape | {"bytes": ITEMSIZE[dtype] * (m * n + m * k + n * k), "peak": peak, "samples": samples}
        )
        print(f"{order} {m}x{n}x{k} {dtype}, {plural(session.threads)}", file=sys.stderr, flush=True)
    return results


def markdown(results: list[dict[str, Any]]) -> str:
    """A table of the share of the FMA peak each reaches.

    Parameters
    ----------
    results : list of dict
        Of `time_products`.

    Returns
    -------
    str
    """
    peers = [name for name in DEFAULT if any(name in result["samples"] for result in results)]
    lines = []
    for result in results:
        flops, taken = 2 * result["m"] * result["n"] * result["k"], result["samples"]
        rates = {name: flops / median(taken[name]) for name in taken}
        best = max((rate for name, rate in rates.items() if not name.startswith("ours")), default=None)
        own = next((rate for name, rate in rates.items() if name.startswith("ours")), None)
        shares = [f"{rates[name] / result['peak']:.0%}" if name in rates else "" for name in peers]
        shape = f"{result['m']}x{result['n']}x{result['k']}"
        ratio = f"{own / best:.2f}" if own and best else ""
        lines.append([shape, result["order"], result["dtype"], str(result["threads"]), *shares, ratio])
    return "\n".join(table(["m x n x k", "order", "", "threads", *peers, "ours, times best"], lines))


def main() -> None:
    """Run what the command line asks for."""
    arguments = parse()
    names = chosen(arguments.peers, DEFAULT, DEFAULT, "peer")
    dtypes = chosen(arguments.dtypes, list(ITEMSIZE), list(ITEMSIZE), "dtype")
    record: dict[str, Any] = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "machine": describe(),
        "versions": {},
        "blas": {},
        "results": [],
        "skipped": [],
    }
    for threads in map(int, arguments.threads.split(",")):
        for dtype in dtypes:
            with Session(names, threads, arguments) as session:
                record["versions"] |= session.versions
                record["blas"] |= session.blas
                record["results"] += time_products(session, dtype, arguments)
                record["skipped"] += session.skipped
    print(markdown(record["results"]), "", blas_line(record), sep="\n")
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
