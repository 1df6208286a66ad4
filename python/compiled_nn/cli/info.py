"""The command ``info``: the contents of the file of a network."""

from __future__ import annotations

import json
import os
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


def add_options(parser: ArgumentParser) -> None:
    """Add the arguments and options of the command."""
    arguments.add_model(parser)
    arguments.add_json(parser)


def run(options: Namespace) -> int:
    """Print the description of the network."""
    from .support import results
    from .tables import record

    card = _card(options.model)
    if options.json:
        results.print_json(card)
        return 0
    screen = Terminal(sys.stdout)
    classes, room = card["classes"], screen.width - 14
    scaling = (
        results.scaling_text(card["standardize"])
        if card["standardize"]
        else f"multiplied by {card['input_scale']:.6g}"
    )
    rows = {
        "written by": f"compiled-nn {card['written_by']}, format version {card['format_version']}",
        "estimator": card["estimator"],
        "members": None
        if card["members"] is None
        else f"{count(card['members'], 'network')}, whose predictions are averaged; the layers are those of the first",
        "task": card["task"] if classes is None else f"{card['task']}, {len(classes)} classes",
        "classes": None if classes is None else _listed(classes, room),
        "loss": _described(card["loss"]),
        "optimizer": _described(card["optimizer"]),
        "penalty": f"l1 {card['l1']:g}, l2 {card['l2']:g}" if card["l1"] or card["l2"] else None,
        "input": f"{card['n_features']:,} features, {scaling}",
        "columns": None
        if card["column_types"] or card["columns"] is None
        else _listed(card["columns"], room),
        "images": None if card["image_shape"] is None else " x ".join(map(str, card["image_shape"])),
        "parameters": f"{card['parameters']:,} of type {card['dtype']}; file of {card['bytes']:,} bytes",
    }
    split = card["split"]
    rows["target"] = card["target"]
    rows["test rows"] = None if split is None else record.split_text(split)
    interval = card["interval"]
    rows["intervals"] = None if interval is None else f"of coverage {interval:g}, added by predict"
    rows |= {f"metadata {name}": json.dumps(value) for name, value in card["metadata"].items()}
    lines = [f"{printable(name):<13} {printable(text)}" for name, text in rows.items() if text is not None]
    title, *table = _layer_table(card["layers"])
    if card["column_types"] is not None:
        lines += _column_table(card["column_types"], screen)
    screen.print(screen.style(options.model, "bold"), *lines, "", screen.style(title, "bold"), *table)
    return 0


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


def _layer_table(layers: Sequence[dict[str, Any]]) -> list[str]:
    """Return a title line and one line per layer, in aligned columns."""
    head = ("layer", "inputs", "units", "activation", "bias", "parameters")
    table = [head] + [(str(i), *(str(layer[key]) for key in head[1:])) for i, layer in enumerate(layers)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(map(str.rjust, row, widths)) for row in table]


def _column_types(encoder: Any) -> list[dict[str, Any]] | None:
    """Return the name, type and levels of each column of an encoder, and the reason if it is left out."""
    if encoder is None:
        return None
    found = []
    for column, (name, kind) in zip(encoder.columns_, encoder.column_types_.items(), strict=True):
        levels = len(column.categories) if kind.kind == "category" and kind.used else None
        found.append({"name": name, "type": kind.kind, "levels": levels, "reason": kind.reason or None})
    return found


def _card(path: str) -> dict[str, Any]:
    """Return the description of a network's file. Its weights are not read; their names and shapes are checked."""
    from ..files import network_file
    from ..files.documents import parse_json
    from ..files.safetensors_file import open_tensors
    from .tables import record

    with open_tensors(path) as file:
        document, configuration, inputs, outputs, members, recorded = network_file.describe(file)
        text = (file.metadata() or {}).get(network_file.ESTIMATOR)
        estimator = None if text is None else _estimator_of(parse_json(text, file.n_bytes))
    network, n_inputs = document["network"], inputs.n_inputs
    layers = _layers(configuration, n_inputs)
    n_parameters = sum(layer["parameters"] for layer in layers)
    if members is not None:
        used = [_layers(members.networks[each["place"]], n_inputs) for each in members.kept]
        n_parameters = sum(layer["parameters"] for each in used for layer in each)
    metadata = dict(document.get("metadata", {}))
    known = record.parsed(metadata.pop(record.KEY, None))
    classes = None if outputs.targets.classes is None else outputs.targets.classes.tolist()
    return {
        "command": "info",
        "version": __version__,
        "model": path,
        "bytes": os.path.getsize(path),
        "format_version": document["format_version"],
        "written_by": document["library_version"],
        "estimator": estimator,
        "task": "regression" if classes is None else "classification",
        "classes": classes,
        "n_features": inputs.n_features,
        "columns": None if inputs.names is None else list(inputs.names),
        "column_types": _column_types(inputs.encoder),
        "image_shape": None if inputs.shape is None else list(inputs.shape),
        "members": None if members is None else len(members.kept),
        "parameters": n_parameters,
        **{key: network[key] for key in ("loss", "optimizer", "l1", "l2", "input_scale", "dtype", "seed")},
        "standardize": network.get("standardize", False),
        "layers": layers,
        "scale_targets": network.get("scale_targets", False),
        "target": known.target,
        "split": known.split,
        "interval": known.interval,
        "fingerprint": recorded.get("fingerprint"),
        "training": recorded.get("training", {}),
        "metadata": metadata,
    }


def _layers(configuration: Any, n_inputs: int) -> list[dict[str, Any]]:
    """Return sizes and activations of the layers of a network."""
    layers = []
    for layer, activation in zip(configuration.layers, configuration.activation_names, strict=True):
        others = (layer.bias + (layer.norm is not None)) * layer.units
        layers.append(
            {
                "inputs": n_inputs,
                "units": layer.units,
                "activation": activation,
                "bias": layer.bias,
                "parameters": layer.n_weights(n_inputs) + others,
            }
        )
        n_inputs = layer.units
    return layers


def _estimator_of(document: Any) -> str:
    """Return the class of the estimator that a document describes."""
    from ..files import schemas

    if not isinstance(document, dict):
        schemas.fail("the estimator", document, "a JSON object")
    name: str = schemas.text()("the estimator's class", document.get("estimator"))
    return name


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
