"""The command ``info``: the contents of the file of a network."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from .._version import __version__
from ..common.errors import count
from ..common.text import printable
from .support import arguments
from .support.terminal import Terminal

ORDER = 40
SUMMARY = "describe a saved network; needs no data"
EXAMPLES = ("info digits.safetensors --json",)
USAGE = "MODEL"
DESCRIPTION = ""
_LONGEST = 40  # characters of a name of a column
_LAYER = ("layer", "inputs", "units", "activation", "bias", "parameters")


def add_options(parser: ArgumentParser) -> None:
    """Add the arguments and options of the command."""
    arguments.add_model(parser)
    arguments.add_json(parser)
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of one row that the model takes instead"
    )


def run(options: Namespace) -> int:
    """Print the description of the network."""
    from .support import results

    card = _card(options.model)
    if options.json or options.schema:
        results.print_json(card["input_schema"] if options.schema else card)
        return 0
    screen = Terminal(sys.stdout)
    rows = {**_origin(card), **_model(card, screen.width - 14), **_notes(card)}
    lines = [f"{printable(name):<13} {printable(text)}" for name, text in rows.items() if text is not None]
    if card["column_types"] is not None:
        lines += _column_table(card["column_types"], screen)
    if card["networks"] is not None:
        title, *table = _network_table(card["networks"])
        lines += ["", screen.style(title, "bold"), *table]
    title, *table = _table(_LAYER, card["layers"])
    screen.print(screen.style(options.model, "bold"), *lines, "", screen.style(title, "bold"), *table)
    return 0


def _origin(card: dict[str, Any]) -> dict[str, str | None]:
    """Return the lines about the file and its training."""
    saved, given = card["checkpoint"], card["estimator_parameters"]
    return {
        "written by": f"compiled-nn {card['written_by']}, format version {card['format_version']}",
        "fingerprint": card["fingerprint"],
        "checkpoint": None
        if saved is None
        else f"after {count(saved['epochs'], 'epoch')}, {count(saved['steps'], 'step')}",
        "trained on": _training(card["training"]),
        "estimator": card["estimator"],
        "settings": None
        if not given
        else ", ".join(f"{name} {json.dumps(value)}" for name, value in given.items()),
    }


def _training(training: dict[str, Any]) -> str | None:
    """Return the numbers of the last training as text."""
    counted = {"rows": "row", "validation_rows": "validation row", "epochs": "epoch"}
    parts = [count(training[name], noun) for name, noun in counted.items() if name in training]
    if "best_epoch" in training:
        parts.append(f"best epoch {training['best_epoch']:,}")
    if training.get("stop_reason") is not None:
        parts.append(f"stopped by {training['stop_reason']}")
    names = {"loss": "loss", "val_loss": "validation loss"}
    parts += [f"{text} {training[name]:.6g}" for name, text in names.items() if name in training]
    return ", ".join(parts) or None


def _model(card: dict[str, Any], room: int) -> dict[str, str | None]:
    """Return the lines about the task, the inputs and the outputs; lists of names have `room` characters."""
    from .support import results

    classes, calibration = card["classes"], card["calibration"]
    calibrated = [f"temperature {calibration['temperature']:.6g}"] if calibration["temperature"] != 1 else []
    if calibration["rows"] is not None:
        calibrated.append(f"intervals or sets from {calibration['rows']:,} rows")
    scaling = (
        results.scaling_text(card["standardize"])
        if card["standardize"]
        else f"multiplied by {card['input_scale']:.6g}"
    )
    named = card["columns"] is not None and not card["column_types"]
    return {
        "members": None
        if card["members"] is None
        else f"{count(card['members'], 'network')}, whose predictions are averaged; the layers are those of the first",
        "task": card["task"] if classes is None else f"{card['task']}, {len(classes)} classes",
        "classes": None if classes is None else _listed(classes, room),
        "loss": _described(card["loss"]),
        "optimizer": _described(card["optimizer"]),
        "penalty": f"l1 {card['l1']:g}, l2 {card['l2']:g}" if card["l1"] or card["l2"] else None,
        "input": f"{card['n_features']:,} features, {scaling}",
        "columns": _listed(card["columns"], room) if named else None,
        "images": None if card["image_shape"] is None else " x ".join(map(str, card["image_shape"])),
        "outputs": _outputs(card),
        "calibration": ", ".join(calibrated) or None,
        "parameters": f"{card['parameters']:,} of type {card['dtype']}; file of {card['bytes']:,} bytes",
        "precision": None if card["precision"] == "float32" else f"products of {card['precision']}",
    }


def _outputs(card: dict[str, Any]) -> str:
    """Return the outputs of the last layer as text."""
    outputs = card["outputs"]
    parts = [count(outputs["units"], "unit"), outputs["activation"]]
    if outputs["values"] is not None:
        parts.append(f"{count(outputs['values'], 'value')} of type {outputs['dtype'] or card['dtype']}")
    if card["scale_targets"]:
        parts.append("scaled to units of the target")
    return ", ".join(parts)


def _notes(card: dict[str, Any]) -> dict[str, str | None]:
    """Return the lines of the command train, and the content of the user."""
    from ..files import metadata
    from .tables import record

    split, interval = card["split"], card["interval"]
    return {
        "target": card["target"],
        "test rows": None if split is None else record.split_text(split),
        "intervals": None if interval is None else f"of coverage {interval:g}, added by predict",
        **{
            name.replace("_", " ") if name in metadata.KEYS else f"metadata {name}": value
            if name in metadata.KEYS and isinstance(value, str)
            else json.dumps(value)
            for name, value in card["metadata"].items()
        },
    }


def _column_table(columns: Sequence[dict[str, Any]], screen: Terminal) -> list[str]:
    """Return a title line and one line per column of a table: its name, its type, and what is known of it."""
    names = [printable(str(column["name"])) for column in columns]
    width = min(max(map(len, ["column", *names])), _LONGEST)
    lines = ["", screen.style(f"{'column':<{width}}  type", "bold")]
    for name, column in zip(names, columns, strict=True):
        kind = column["type"]
        if column["levels"] is not None:
            kind += f", {count(column['levels'], 'level')}"
        if column["reason"]:
            kind += f", left out: {column['reason']}"
        short = name if len(name) <= width else name[: width - 2] + ".."
        lines.append(f"{short:<{width}}  {kind}")
    return lines


def _network_table(networks: Sequence[dict[str, Any]]) -> list[str]:
    """Return a title line and one line per network of an ensemble."""
    rows = [
        {**each, "weight": f"{each['weight']:.4f}", "temperature": f"{each['temperature']:.4f}"}
        | {
            "best epoch": each["best_epoch"],
            "units": " ".join(str(layer["units"]) for layer in each["layers"]),
        }
        for each in networks
    ]
    return _table(("network", "weight", "temperature", "best epoch", "units"), rows)


def _table(head: Sequence[str], rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return a title line and one line per row, in aligned columns; the first one has the index of the row."""
    table = [tuple(head)] + [(str(i), *(str(row[key]) for key in head[1:])) for i, row in enumerate(rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(map(str.rjust, row, widths)) for row in table]


def _card(path: str) -> dict[str, Any]:
    """Return the card of a file, with the record of the command train in place of its metadata."""
    from ..files import card
    from .tables import record

    found = card.read(path)
    known = record.parsed(found["metadata"].pop(record.KEY, None))
    own = {"target": known.target, "split": known.split, "interval": known.interval}
    return {"command": "info", "version": __version__, "model": path, **found, **own}


def _described(config: str | dict[str, Any]) -> str:
    """Return a loss or an optimizer of a file as readable text."""
    if isinstance(config, str):
        return config
    values = (
        f"{key} {_schedule(value) if isinstance(value, dict) else value}"
        for key, value in config.items()
        if key != "name"
    )
    return ", ".join([config["name"], *values])


def _schedule(config: dict[str, Any]) -> str:
    """Return a schedule of a file as readable text: its name, and the rate at its beginning if it is known."""
    start = f" from {config['initial']:g}" if "initial" in config else ""
    return f"{config.get('name', 'schedule')}{start}"


def _listed(labels: Sequence[object], width: int) -> str:
    """Return labels separated by blanks, cut at the width with "..."; those that are empty or have blanks in quotes."""
    texts, length = [], 0
    for label in labels:
        text = printable(str(label))
        texts.append(text if text and not any(map(str.isspace, text)) else repr(text))
        length += len(texts[-1]) + 1
        if length > width + 1:
            cut = " ".join(texts)[: width - 4]
            return cut.rsplit(" ", 1)[0] + " ..."
    return " ".join(texts)
