"""The command ``compiled-nn``: train, predict, evaluate, info, bench, tutorial.

Results go to stdout, progress and errors to stderr.
"""

from __future__ import annotations

import io
import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .._version import __version__
from ..common.errors import DivergenceError
from ..network.network import Network, load
from . import arguments, inputs, report, results
from .bench import benchmark
from .inputs import UsageError
from .report import Terminal
from .training import train
from .tutorial import play, tutorial


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``compiled-nn``; those of this process by default.

    Returns
    -------
    int
        0 done, 1 error in data or model, 2 options that do not go with the data, 130 interrupted, 141 when
        the reader of stdout has gone away.

    Raises
    ------
    SystemExit
        With code 2 on wrong usage, 0 after ``--help`` and ``--version``.
    """
    commands = {
        "train": train,
        "predict": _predict,
        "evaluate": _evaluate,
        "info": _info,
        "bench": benchmark,
        "tutorial": tutorial,
    }
    options = arguments.parse(argv)
    return _guarded(commands[options.command], options)


def script(example: Callable[..., None]) -> NoReturn:
    """Run an example as a program, with the options, messages and exit codes of ``compiled-nn tutorial``.

    Parameters
    ----------
    example : callable (data, out, seed, epochs)
        Named by what was given: folders of the data and of the pictures as str, seed and epochs as int.

    Raises
    ------
    SystemExit
        Always.
    """
    options = arguments.parse_script(sys.modules[example.__module__].__doc__)
    sys.exit(_guarded(partial(play, example), options))


def _guarded(command: Callable[[Namespace], int], options: Namespace) -> int:
    """Run a command and return its exit code; errors become a line on stderr."""
    try:
        code = command(options)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        Terminal(sys.stderr).print("compiled-nn: interrupted")
        return 130
    except BrokenPipeError:
        # What is still buffered goes nowhere, instead of failing once more when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except UsageError as error:
        report.error(error)
        return 2
    except DivergenceError as error:
        report.error(f"{error} Here: --standardize, --scale, --learning-rate. No file was written.")
    except MemoryError as error:
        report.error(f"out of memory. {error}")
    except OSError as error:
        report.error(f"{error.filename}: {error.strerror}" if error.filename else error)
    except (ValueError, TypeError, ArithmeticError, ImportError) as error:
        report.error(error)
    return 1


def _load(options: Namespace) -> Network:
    net = load(options.model)
    net.n_threads = options.threads
    return net


# ---- predict


def _predict(options: Namespace) -> int:
    net = _load(options)
    if options.proba and not results.classifies(net):
        raise ValueError(f"{options.model} predicts values; --proba is for classes")
    data = inputs.load(options, labels=False, n_features=net.n_features_)
    X, _, part = inputs.part(data, options.part)
    predicted = net.predict_proba(X) if options.proba else net.predict(X)
    header = _header(net, predicted, options.proba)
    if options.output is not None:
        _write(options.output, header, predicted)
    if options.json:
        kept = None if options.output is not None else predicted.tolist()
        result = {
            "command": "predict",
            "version": __version__,
            "model": options.model,
            "data": data.name,
            "part": part,
            "rows": len(X),
            "columns": header,
            "predictions": kept,
            "output": options.output,
        }
        results.print_json(result)
    elif options.output is None:
        sys.stdout.write(_csv(header, predicted))
    else:
        Terminal(sys.stdout).print(f"{len(X):,} rows ({part}) predicted to {options.output}")
    return 0


def _header(net: Network, predicted: NDArray[Any], proba: bool) -> list[str]:
    if proba:
        return [str(label) for label in net.classes_.tolist()]
    if predicted.ndim == 1:
        return ["prediction"]
    return [f"prediction_{i}" for i in range(predicted.shape[1])]


def _csv(header: Sequence[str], predicted: NDArray[Any]) -> str:
    """Return rows under their header; numbers with all the digits that tell them from their neighbours."""
    import csv

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    rows = predicted.reshape(len(predicted), -1)
    # str() of NumPy's own numbers is the shortest text that reads back as the same float32.
    writer.writerows(map(str, row) for row in (rows if predicted.dtype.kind == "f" else rows.tolist()))
    return text.getvalue()


def _write(path: str, header: Sequence[str], predicted: NDArray[Any]) -> None:
    if path.lower().endswith(".npy"):
        content = io.BytesIO()
        np.save(content, predicted, allow_pickle=False)
        data = content.getvalue()
    else:
        data = _csv(header, predicted).encode()
    with open(path, "wb") as file:
        file.write(data)


# ---- evaluate


def _evaluate(options: Namespace) -> int:
    net = _load(options)
    data = inputs.load(options)
    X, y, part = inputs.part(data, options.part)
    classifies = results.classifies(net)
    if classifies:
        labels = inputs.class_labels(y)
        y = y if labels is None else labels
    measured = results.measure(net, X, y)
    if options.json:
        head = {"command": "evaluate", "version": __version__, "model": options.model, "data": data.name}
        classes = net.classes_.tolist() if classifies else None
        results.print_json({**head, "part": part, "classes": classes, **measured})
        return 0
    screen = Terminal(sys.stdout)
    score = results.called(results.score_name(net))
    lines = [
        f"{'data':<10}{data.name}, {part} rows: {len(X):,}",
        f"{'loss':<10}{measured['loss']:.6g}",
        f"{score:<10}{screen.style(results.score_text(measured), 'bold')}",
    ]
    if classifies:
        lines += results.confusion_lines(measured, net.classes_, data.class_names, screen)
    screen.print(*lines)
    return 0


# ---- info


def _info(options: Namespace) -> int:
    card = _card(options.model)
    if options.json:
        results.print_json(card)
        return 0
    screen = Terminal(sys.stdout)
    classes = card["classes"]
    rows = {
        "written by": f"compiled-nn {card['written_by']}, format version {card['format_version']}",
        "task": card["task"] if classes is None else f"{card['task']}, {len(classes)} classes",
        "classes": None if classes is None else _listed(classes, screen.width - 14),
        "loss": _described(card["loss"]),
        "optimizer": _described(card["optimizer"]),
        "penalty": f"l1 {card['l1']:g}, l2 {card['l2']:g}" if card["l1"] or card["l2"] else None,
        "input": f"{card['n_features']:,} features, "
        + (
            results.scaled(card["standardize"])
            if card["standardize"]
            else f"multiplied by {card['input_scale']:.6g}"
        ),
        "weights": f"{card['parameters']:,} of {card['dtype']}; the file has {card['bytes']:,} bytes",
    }
    lines = [f"{name:<14}{text}" for name, text in rows.items() if text is not None]
    head = ("layer", "inputs", "units", "activation", "bias", "parameters")
    table = [head] + [
        (str(i), *(str(layer[key]) for key in head[1:])) for i, layer in enumerate(card["layers"])
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    text = ["  ".join(map(str.rjust, row, widths)) for row in table]
    screen.print(screen.style(options.model, "bold"), *lines, "", screen.style(text[0], "bold"), *text[1:])
    return 0


def _card(path: str) -> dict[str, Any]:
    """Return what a file says about its network, after a look that the network can be loaded."""
    net = load(path)
    document = _document(path)
    network = document["network"]
    layers = []
    for i, (layer, (W, _)) in enumerate(zip(net.layers, net.get_weights(), strict=True)):
        layers.append(
            {
                "inputs": len(W),
                "units": layer.units,
                "activation": net.activations[i],
                "bias": layer.bias,
                "parameters": (len(W) + layer.bias + (layer.norm is not None)) * layer.units,
            }
        )
    classifies = results.classifies(net)
    return {
        "command": "info",
        "version": __version__,
        "model": path,
        "bytes": os.path.getsize(path),
        "format_version": document["format_version"],
        "written_by": document["library_version"],
        "task": "classification" if classifies else "regression",
        "classes": net.classes_.tolist() if classifies else None,
        "n_features": net.n_features_,
        "parameters": net.n_parameters,
        **{key: network[key] for key in ("loss", "optimizer", "l1", "l2", "input_scale", "dtype", "seed")},
        "standardize": network.get("standardize", False),
        "layers": layers,
    }


def _document(path: str) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        document: dict[str, Any] = json.loads(file.metadata()["compiled_nn"])
    return document


def _described(config: str | dict[str, Any]) -> str:
    """Return a loss or an optimizer of a file as a person reads it."""
    if isinstance(config, str):
        return config
    values = (f"{key} {value}" for key, value in config.items() if key != "name")
    return ", ".join([config["name"], *values])


def _listed(labels: Sequence[object], width: int) -> str:
    """Return labels side by side, as many as there is room for."""
    text = " ".join(map(str, labels))
    return text if len(text) <= width else text[: width - 4].rsplit(" ", 1)[0] + " ..."
