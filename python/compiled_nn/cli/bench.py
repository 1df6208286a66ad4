"""The command ``bench``: the speed of training and prediction on this machine, and the limits of the machine."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from .support import arguments, values

ORDER = 50
SUMMARY = "measure the speed of training and prediction on this machine"
EXAMPLES = ("bench --only T6,I2 --threads 1",)
USAGE = ""
DESCRIPTION = """\
Measure the speed of this machine, then that of compiled-nn on it. The speed of
the machine is the number of multiply-adds per second, and the rate at which
each level of memory is read. Then one epoch of training (T) or one prediction
(I) is timed for each network of --only, on random data. The column "limit" is
a share of the machine's speed: at 100%, the machine cannot do the arithmetic,
or read the data, in less time.
"""

_DEFAULT = ("T1", "T5", "T6", "T7", "T8", "I1", "I2", "I3", "I4", "I5", "I7")


def add_options(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    from .support.workloads import WORKLOADS

    names = tuple(name for name, workload in WORKLOADS.items() if workload.kind != "run")
    parser.add_argument(
        "--only",
        type=values.choices(names),
        default=_DEFAULT,
        metavar="T1,I2",
        help=f"networks to measure, from {', '.join(names)} (default: {','.join(_DEFAULT)})",
    )
    parser.add_argument(
        "--seconds",
        type=values.real(above=0),
        default=1.0,
        help="seconds spent on each network, and at least three calls (default: 1)",
    )
    arguments.add_threads(parser)
    arguments.add_json(parser)


def run(options: Namespace) -> int:
    """Measure and print a table or JSON."""
    from .support.benchmark import benchmark

    return benchmark(options)
