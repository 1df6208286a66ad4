"""Time single matrix products in all shapes of the workloads: the BLAS of NumPy, that of torch, and ours.

Examples::

    python benchmarks/gemm.py                                        each product in the order that its workload uses
    python benchmarks/gemm.py --orders NN,NT,TN --dtypes float32     all shapes in all three orders
    python benchmarks/gemm.py --only T6,I7 --rounds 3 --threads 1

NN is the product A B of the forward pass, TN the gradient A' B of the weights, NT the gradient A B' of the inputs.
m x n x k is always the product of an (m, k) and a (k, n) matrix.
"""

import argparse
import json
import sys
from statistics import median
from typing import Any

from machine import begin_record
from peers import PEERS
from report import blas_line, make_table, plural
from session import Session, add_options, parse_names
from workloads import ITEMSIZE, WORKLOADS

DEFAULT = [name for name, peer in PEERS.items() if peer.gemm]


def parse_arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description="Time single matrix products in the shapes of the workloads."
    )
    parser.add_argument("--only", metavar="T1,I2", help="workloads whose shapes are used (default: all)")
    parser.add_argument(
        "--orders",
        metavar="NN,NT,TN",
        help="orders for all shapes (default: the order that each workload uses)",
    )
    parser.add_argument("--dtypes", default="float32,float64", help="data types (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=0.05, help="seconds per sample (default: %(default)s)"
    )
    parser.add_argument(
        "--min-flops",
        type=float,
        default=1e5,
        help="smallest product, in floating-point operations (default: 1e5)",
    )
    add_options(parser)
    return parser.parse_args()


def list_products(
    names: list[str], orders: list[str] | None, smallest: float
) -> list[tuple[str, int, int, int]]:
    """Return the distinct products of some workloads, in the order of the workloads.

    Parameters
    ----------
    names : list of str
        Keys of `workloads.WORKLOADS`.
    orders : list of str or None
        Orders for all shapes; None: the order that each workload uses.
    smallest : float
        Number of floating-point operations below which a product is left out.

    Returns
    -------
    list of (str, int, int, int)
        Order, m, n and k of each product.
    """
    needed = [product for name in names for product in WORKLOADS[name].gemms()]
    if orders:
        needed = [(order, *shape) for _, *shape in needed for order in orders]
    return [(o, m, n, k) for o, m, n, k in dict.fromkeys(needed) if 2 * m * n * k >= smallest]


def time_products(session: Session, dtype: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the samples of all products in one data type.

    Parameters
    ----------
    session : Session
        Running peers.
    dtype : str
        Data type, ``"float32"`` or ``"float64"``.
    arguments : argparse.Namespace
        Parsed command line.

    Returns
    -------
    list of dict
        One entry per product: order, shape, FMA peak measured before it, and samples of each peer.
    """
    workloads = parse_names(arguments.only, list(WORKLOADS), list(WORKLOADS), "workload")
    orders = parse_names(arguments.orders, ["NN", "NT", "TN"], [], "order")
    results = []
    for order, m, n, k in list_products(workloads, orders, arguments.min_flops):
        peak = session.machine.request("peak", dtype)["rate"]
        samples: dict[str, list[float]] = {}
        for _ in range(arguments.rounds):
            for name in list(session.peers):
                if answer := session.request(name, "gemm", order, dtype, m, n, k, arguments.seconds):
                    samples.setdefault(name, []).append(answer["seconds"])
                elif name in session.peers:
                    # The peer has no matrix product: it is left out from here on.
                    session.peers.pop(name).close()
        shape = {"order": order, "m": m, "n": n, "k": k, "dtype": dtype, "threads": session.threads}
        results.append(
            shape | {"bytes": ITEMSIZE[dtype] * (m * n + m * k + n * k), "peak": peak, "samples": samples}
        )
        print(f"{order} {m}x{n}x{k} {dtype}, {plural(session.threads)}", file=sys.stderr, flush=True)
    return results


def make_markdown(results: list[dict[str, Any]]) -> str:
    """Return a table of the share of the FMA peak that each peer reaches.

    Parameters
    ----------
    results : list of dict
        Results of `time_products`.

    Returns
    -------
    str
    """
    peers = [name for name in DEFAULT if any(name in result["samples"] for result in results)]
    lines = []
    for result in results:
        flops, samples = 2 * result["m"] * result["n"] * result["k"], result["samples"]
        rates = {name: flops / median(samples[name]) for name in samples}
        best = max((rate for name, rate in rates.items() if not name.startswith("ours")), default=None)
        ours = next((rate for name, rate in rates.items() if name.startswith("ours")), None)
        shares = [f"{rates[name] / result['peak']:.0%}" if name in rates else "" for name in peers]
        shape = f"{result['m']}x{result['n']}x{result['k']}"
        ratio = f"{ours / best:.2f}" if ours and best else ""
        lines.append([shape, result["order"], result["dtype"], str(result["threads"]), *shares, ratio])
    return "\n".join(make_table(["m x n x k", "order", "", "threads", *peers, "ours, times best"], lines))


def main() -> None:
    """Time the products, print the table and write the JSON file."""
    arguments = parse_arguments()
    names = parse_names(arguments.peers, DEFAULT, DEFAULT, "peer")
    dtypes = parse_names(arguments.dtypes, list(ITEMSIZE), list(ITEMSIZE), "dtype")
    record = begin_record(skipped=[])
    for threads in map(int, arguments.threads.split(",")):
        for dtype in dtypes:
            with Session(names, threads, arguments) as session:
                record["versions"] |= session.versions
                record["blas"] |= session.blas
                record["results"] += time_products(session, dtype, arguments)
                record["skipped"] += session.skipped
    print(make_markdown(record["results"]), "", blas_line(record), sep="\n")
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
