"""Compare models of several libraries on real tables, each with the defaults of its library.

    python benchmarks/environments.py table-data boosting pytabkit report
    python benchmarks/tables.py run results.jsonl
    python benchmarks/tables.py picture results.jsonl docs/internals/tables.svg
    python benchmarks/tables.py report results.jsonl --docs docs/internals/performance.md

A table is split five times into 80 % and 20 % of its rows, classes by class. Each fit is a separate process with one
thread. Its row is appended to the file at once; a run that was stopped resumes with the rows that are missing.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import environments
import table_data
import table_rows
from process import HERE, cpus_of, environment_variables
from table_models import ABLATIONS, MODELS, Ablation

PICTURE = "tables.svg"  # shown at the head of the tables of a page in the same folder


class Job(NamedTuple):
    """One fit: the name of the model in the rows, its key in `MODELS`, and the table, split and parameters."""

    label: str
    model: str
    table: str
    split: int
    parameters: dict[str, Any]


def main() -> None:
    """Run the command."""
    options = make_parser().parse_args()
    options.action(options)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    actions = parser.add_subparsers(required=True)
    run_parser = actions.add_parser("run", help="measure what is missing in the file of rows")
    run_parser.set_defaults(action=run)
    add_choice(run_parser)
    run_parser.add_argument(
        "--variant",
        action="append",
        default=[],
        type=lambda text: text.partition("="),
        metavar="LABEL=JSON",
        help="our model with other parameters, named LABEL in the rows; may be repeated",
    )
    run_parser.add_argument("--ablation", action="store_true", help="our model without each of its parts")
    run_parser.add_argument("--again", action="store_true", help="measure again what is in the file")
    run_parser.add_argument("--retry", action="store_true", help="measure again what failed")
    run_parser.add_argument(
        "--python",
        action="append",
        default=[],
        type=lambda text: text.partition("=")[::2],
        metavar="NAME=PATH",
        help="interpreter of a model or of an environment; may be repeated",
    )
    run_parser.add_argument("--environments", type=Path, default=environments.default_folder())
    run_parser.add_argument(
        "--data", type=Path, help="folder of the packages (default: environment table-data)"
    )
    run_parser.add_argument("--timeout", type=float, default=1800.0, help="seconds for one fit")
    run_parser.add_argument("--cpu", help="CPU to pin to, or all (default: the first)")
    report_parser = actions.add_parser("report", help="print Markdown tables")
    report_parser.set_defaults(action=report)
    report_parser.add_argument(
        "--docs", type=Path, help="page whose tables are replaced, in place of printing"
    )
    picture_parser = actions.add_parser("picture", help="draw mean ranks with critical differences")
    picture_parser.set_defaults(action=picture)
    for each in (run_parser, report_parser, picture_parser):
        each.add_argument("rows", type=Path, help="file of rows, one JSON object per line")
    picture_parser.add_argument("picture", type=Path, help="file to write; its suffix decides the format")
    picture_parser.add_argument("--models", type=names, default=None, help="models to compare")
    return parser


def names(text: str) -> list[str]:
    """Return the names of a list with commas."""
    return text.split(",")


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose models, tables and splits."""
    parser.add_argument(
        "--models", type=names, default=[name for name, model in MODELS.items() if model.default]
    )
    parser.add_argument("--tables", type=names, default=list(table_data.TABLES))
    parser.add_argument("--splits", type=int, help="number of splits (default: five, fewer for slow models)")
    parser.add_argument(
        "--rows-at-most", type=int, help="rows of the largest table (default: that of the model)"
    )


def run(options: argparse.Namespace) -> None:
    """Measure what is missing, and print a line for each fit."""
    unknown = (set(options.models) - set(MODELS)) | (
        set(options.tables) - {*table_data.TABLES, table_data.MADE}
    )
    if unknown:
        raise SystemExit(f"unknown model or table: {', '.join(sorted(unknown))}")
    done = set()
    for job in jobs(options):
        key = (job.label, job.table, job.split)
        # The file is read again for each fit: another run may write to it.
        found = {table_rows.key(row): row for row in table_rows.read(options.rows)}.get(key)
        if found and not (options.again and key not in done) and not (options.retry and "error" in found):
            continue
        row = {"table": job.table, "split": job.split, "model": job.label, **measure(job, options)}
        table_rows.append(options.rows, row)
        done.add(key)
        print(*key, row.get("error") or f"{row['fit']:.2f} s", file=sys.stderr, flush=True)


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    """Yield the fits that were chosen: model by model, the first split of all tables first, small tables first."""
    rows = {name: len(table_data.load(name, options.data).y) for name in options.tables}
    tables = sorted(options.tables, key=rows.__getitem__)
    kinds = {"classes": table_data.CLASSES, "values": table_data.VALUES}
    variants = [(name, name, Ablation({})) for name in options.models]
    variants += [(label, "ours", Ablation(json.loads(text))) for label, _, text in options.variant]
    variants += [(label, "ours", change) for label, change in ABLATIONS.items()] if options.ablation else []
    for label, name, change in variants:
        limit = options.rows_at_most or MODELS[name].rows or math.inf
        without = {table for kind, each in kinds.items() if not getattr(change, kind) for table in each}
        for split in range(options.splits or MODELS[name].splits):
            for table in tables:
                if rows[table] <= limit and table not in without:
                    yield Job(label, name, table, split, change.parameters)


def measure(job: Job, options: argparse.Namespace) -> dict[str, Any]:
    """Return the scores and times that a process for one fit prints, or ``error``.

    Parameters
    ----------
    job : Job
        Fit.
    options : argparse.Namespace
        Options ``python``, ``environments``, ``data``, ``cpu`` and ``timeout``.

    Returns
    -------
    dict
    """
    given, environment = dict(options.python), MODELS[job.model].environment
    python = given.get(job.model) or given.get(environment)
    python = python or environments.interpreter(options.environments, environment)
    pin = (
        ["taskset", "-c", cpus_of(1, options.cpu)] if options.cpu != "all" and shutil.which("taskset") else []
    )
    command = [*pin, str(python), str(HERE / "table_fit.py"), job.model, job.table, str(job.split)]
    command += ["--parameters", json.dumps(job.parameters)]
    command += ["--data", str(options.data.resolve())] if options.data else []
    variables = environment_variables(1) | {"CNN_BENCH_ENVIRONMENTS": os.fspath(options.environments)}
    try:
        done = subprocess.run(
            command, env=variables, capture_output=True, text=True, timeout=options.timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no result within {options.timeout:g} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        last = done.stderr.strip().splitlines()[-1:]
        return {"error": f"ended with status {done.returncode}: {' '.join(last)}"}
    return json.loads(lines[-1]) | ({"parameters": job.parameters} if job.parameters else {})


def report(options: argparse.Namespace) -> None:
    """Print the report, or put it into a page."""
    import table_report

    text = table_report.make_report(table_rows.read(options.rows))
    if options.docs:
        if (options.docs.parent / PICTURE).exists():
            text = f"![Mean ranks by log loss and RMSE, with critical difference]({PICTURE})\n\n{text}"
        page = options.docs.read_text(encoding="utf-8")
        options.docs.write_text(table_report.put(page, text), encoding="utf-8")
    else:
        print(text)


def picture(options: argparse.Namespace) -> None:
    """Draw the picture of mean ranks."""
    import table_ranks

    results = table_rows.group(table_rows.read(options.rows))
    chosen = options.models or [name for name, model in MODELS.items() if name in results and not model.rows]
    table_ranks.draw(table_ranks.rank(results, chosen), options.picture)


if __name__ == "__main__":
    main()
