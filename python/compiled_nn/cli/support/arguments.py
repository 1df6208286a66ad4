"""Options that several commands have."""

from __future__ import annotations

import argparse

from . import values

_DATA_HELP = (
    "data set: digits, xor, mnist or fashion-mnist; or a CSV (also .csv.gz), Parquet or .npz file; or - for CSV "
    "from standard input; or a folder with idx files; or one idx file of samples, with --labels. The format is "
    "recognized by the content of the file"
)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add MODEL."""
    parser.add_argument("model", metavar="MODEL", help="file written by compiled-nn train or Network.save")


def add_data(parser: argparse.ArgumentParser, note: str = "") -> argparse._ArgumentGroup:
    """Add DATA, with a note at the end of its help, and the options for reading it; return their group."""
    parser.add_argument("data", metavar="DATA", help=_DATA_HELP + note)
    group = parser.add_argument_group("data")
    group.add_argument(
        "--data",
        dest="folder",
        metavar="DIR",
        help="folder of mnist or fashion-mnist (default: the environment variable COMPILED_NN_DATA, or the "
        "system's folder)",
    )
    group.add_argument(
        "--target",
        type=values.target,
        metavar="COLUMN",
        help="table: target column, as a name or as a number from 0; negative numbers count from the last column "
        "(default: that of training; in training, -1)",
    )
    group.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="CSV: whether the first line contains the names of the columns (default: determined from the file)",
    )
    group.add_argument(
        "--delimiter",
        metavar="CHAR",
        type=values.character,
        help='CSV: character between columns, or "tab" (default: ",")',
    )
    group.add_argument("--labels", metavar="FILE", help="idx: file with the labels of DATA")
    group.add_argument(
        "--max-bytes",
        type=values.size,
        metavar="SIZE",
        help="file: largest number of bytes of memory that its arrays may take, such as 16G (default: 4G)",
    )
    return group


def add_part(group: argparse._ArgumentGroup) -> None:
    """Add --part."""
    group.add_argument(
        "--part",
        type=values.choice(("train", "test", "all")),
        help="rows to use: train, test (of a table, the rows that train held out) or all (default: test if DATA has a "
        "test part, else all)",
    )


def add_threads(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add --threads."""
    parser.add_argument(
        "--threads",
        type=values.integer(1),
        help="number of threads (default: number of processors available to this process)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
