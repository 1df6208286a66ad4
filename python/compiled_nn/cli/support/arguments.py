"""Options that several commands have."""

from __future__ import annotations

import argparse
from typing import Any

from . import values

_DATA_HELP = (
    "data set: digits, xor, mnist or fashion-mnist; or a CSV (also .csv.gz), Parquet, Arrow, Excel or .npz file; or - "
    "for a table from standard input; or a folder with idx files; or one idx file of samples, with --labels. The "
    "format is recognized by the content of the file"
)
# Options of tables that are keywords of `read_table` and `iter_table` as well.
READING = (
    *("header", "delimiter", "quote", "encoding", "decimal", "thousands", "date_format", "missing", "sheet"),
    "max_bytes",
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
        type=values.column,
        metavar="COLUMN",
        help="table: target column, as a name or as a number from 0; negative numbers count from the last column "
        "(default: that of training; in training, -1)",
    )
    _add_reading(group)
    group.add_argument("--labels", metavar="FILE", help="idx: file with the labels of DATA")
    group.add_argument(
        "--max-bytes",
        type=values.size,
        metavar="SIZE",
        help="file: largest number of bytes of memory that its arrays may take, such as 16G (default: 4G)",
    )
    return group


def _add_reading(group: argparse._ArgumentGroup) -> None:
    """Add the options for reading a table; what is not given is determined from the file."""
    group.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="CSV, Excel: whether the first line contains the names of the columns (default: determined from the file)",
    )
    group.add_argument(
        "--delimiter",
        metavar="CHAR",
        type=values.character,
        help='CSV: character between columns, or "tab" (default: determined from the file)',
    )
    group.add_argument(
        "--quote",
        metavar="CHAR",
        type=values.quote,
        help='CSV: character around cells that contain the delimiter, or "none" (default: determined from the file)',
    )
    group.add_argument(
        "--encoding",
        metavar="NAME",
        type=values.encoding,
        help="CSV: encoding of the text, such as latin-1 (default: determined from the file)",
    )
    group.add_argument(
        "--decimal",
        metavar="CHAR",
        type=values.choice((".", ",")),
        help='CSV: decimal mark of numbers, "." or "," (default: determined from the file)',
    )
    group.add_argument(
        "--thousands",
        metavar="CHAR",
        type=values.character,
        help="CSV: character between groups of three digits, as in 1,234,567 (default: determined from the file)",
    )
    group.add_argument(
        "--date-format",
        metavar="FORMAT",
        help="format of dates that are text, such as %%d.%%m.%%Y (default: determined from the file)",
    )
    group.add_argument(
        "--missing",
        metavar="TEXT",
        action="append",
        help='further spelling of a missing value, such as "?"; may be given several times',
    )
    group.add_argument(
        "--sheet",
        metavar="NAME",
        type=values.column,
        help="Excel: name of the sheet, or its number from 0 (default: the first one)",
    )


def reading_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options for reading a table that were given, as keywords of `read_table` and `iter_table`."""
    return {name: value for name in READING if (value := getattr(options, name, None)) is not None}


def add_part(group: argparse._ArgumentGroup, default: str = "test if DATA has a test part, else all") -> None:
    """Add --part."""
    group.add_argument(
        "--part",
        type=values.choice(("train", "test", "all")),
        help="rows to use: train, test (of a table, the rows that train held out) or all (default: "
        f"{default})",
    )


def add_metric(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, note: str = "further scores"
) -> None:
    """Add --metric."""
    from ...metrics.scorers import METRICS  # imported here: a start imports no code of a command

    parser.add_argument(
        "--metric",
        metavar="NAMES",
        type=values.choices(METRICS),
        help=f"{note}, separated by commas, such as roc_auc,log_loss or mae,rmse: the names of compiled_nn.metrics",
    )


def add_interval(parser: argparse.ArgumentParser, description: str) -> None:
    """Add --interval, for a model that is calibrated."""
    parser.add_argument(
        "--interval",
        metavar="COVERAGE",
        type=values.shares,
        help=f"{description}, such as 0.9 or 0.5,0.9; the model must be trained with --interval",
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
