"""The command ``serve``: predictions over HTTP."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from .support import values
from .support.terminal import Terminal

ORDER = 70
SUMMARY = "answer requests over HTTP with saved networks"
EXAMPLES = ("serve churn.safetensors --port 8000",)
USAGE = "MODEL..."
DESCRIPTION = """\
Answer requests over HTTP with saved networks:

  POST /models/NAME/predict     rows as JSON objects, with names of columns
  POST /v2/models/NAME/infer    tensors: Open Inference Protocol, version 2
  GET  /docs, /openapi.json     documentation, with an example for each model
  GET  /metrics                 metrics for Prometheus
  GET  /v2/health/ready         whether all models can answer

A file that changes is loaded again, without a lost request; if it cannot be
loaded, the model before it continues to answer. SIGTERM and Ctrl-C end the
service, with exit code 0, when the requests that have begun are answered.

There is no encryption and no password: on another address than the loopback
interface, put a proxy that has both in front of it.
"""
_LEVELS = ("debug", "info", "warning", "error")


def _model(text: str) -> tuple[str | None, str | None, str]:
    """Return name, version and file of an argument: FILE, NAME=FILE or NAME:VERSION=FILE."""
    head, sign, path = text.partition("=")
    if not sign or os.path.exists(text):
        return None, None, text
    name, _, version = head.partition(":")
    if not (name and path):
        raise ArgumentTypeError(f"{text!r} is not FILE, NAME=FILE or NAME:VERSION=FILE")
    return name, version or None, path


def _port(text: str) -> int:
    number: int = values.integer(0)(text)
    if number > 65535:
        raise ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return number


def add_options(parser: ArgumentParser) -> None:
    """Add the arguments and options of the command."""
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="+",
        type=_model,
        help="file of a network, or NAME=FILE, or NAME:VERSION=FILE (default of NAME: the file without its ending)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=_port, default=8000, help="port to listen on; 0 for a free one (default: 8000)"
    )
    parser.add_argument(
        "--workers", type=values.integer(1), default=1, help="number of processes (default: 1)"
    )
    parser.add_argument(
        "--threads",
        type=values.integer(1),
        help="number of threads of each process for one call (default: processors divided by workers)",
    )
    parser.add_argument(
        "--no-batching", action="store_true", help="compute the rows of each request alone; same answers"
    )
    parser.add_argument(
        "--reload",
        metavar="SECONDS",
        type=_seconds,
        default=1.0,
        help="time between two looks at the files, or the word never (default: 1)",
    )
    parser.add_argument(
        "--max-rows", type=values.integer(1), default=10_000, help="rows of a request (default: 10000)"
    )
    parser.add_argument(
        "--max-bytes", type=values.size, default=16 << 20, help="size of a request (default: 16M)"
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=values.real(above=0),
        default=30.0,
        help="time after which a request is refused (default: 30)",
    )
    parser.add_argument(
        "--log-level",
        type=values.choice(_LEVELS),
        default="warning",
        help=f"{', '.join(_LEVELS)} (default: warning)",
    )
    parser.add_argument(
        "--access-log", action="store_true", help="one line per request, with --log-level info"
    )


def _seconds(text: str) -> float | None:
    return None if text == "never" else values.real(above=0)(text)


def run(options: Namespace) -> int:
    """Serve the models until a signal ends it."""
    from ..common import threads
    from ..serving import server

    models = _by_name(options)
    settings = {
        "batching": not options.no_batching,
        "reload": options.reload,
        "max_rows": options.max_rows,
        "max_bytes": options.max_bytes,
        "timeout": options.timeout,
        "n_threads": options.threads or max(1, threads.get_num_threads() // options.workers),
    }
    screen = Terminal(sys.stderr)
    server.serve(
        models,
        settings,
        host=options.host,
        port=options.port,
        workers=options.workers,
        log_level=options.log_level,
        access_log=options.access_log,
        started=lambda address: screen.print(f"serving {', '.join(models)} on {address}"),
    )
    return 0


def _by_name(options: Namespace) -> dict[str, Any]:
    """Return the files by name and version."""
    found: dict[str, dict[str, str]] = {}
    for name, version, path in options.models:
        name = name or os.path.splitext(os.path.basename(path))[0]
        versions = found.setdefault(name, {})
        version = version or "1"
        if version in versions:
            options.parser.error(
                f"two models have the name {name} and the version {version}; give NAME=FILE or NAME:VERSION=FILE"
            )
        versions[version] = path
    return found
