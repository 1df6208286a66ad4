"""A server of HTTP for a service: one process, or several that share a socket."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..common import optional
from .app import create_app
from .model import read_file

_BACKLOG = 2048
_MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client when it is imported


@dataclass(frozen=True)
class Application:
    """Function that makes the application in its own process.

    Attributes
    ----------
    models : mapping
        Files by name, or by name and version.
    settings : dict
        Arguments of :func:`create_app`.
    log_level : str
        Lowest level of the lines on stderr.
    """

    models: Mapping[str, Any]
    settings: dict[str, Any]
    log_level: str

    def __call__(self) -> Any:
        """Return the application."""
        logging.basicConfig(
            stream=sys.stderr,
            level=self.log_level.upper(),
            format="%(asctime)s %(levelname)s %(message)s",
        )
        return create_app(self.models, **self.settings)


def serve(
    models: Mapping[str, Any],
    settings: dict[str, Any],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    log_level: str = "warning",
    access_log: bool = False,
    started: Callable[[str], Any] | None = None,
) -> None:
    """Serve models until the process gets SIGTERM or SIGINT; requests that have begun are answered before it returns.

    Parameters
    ----------
    models : mapping
        Files by name, or by name and version.
    settings : dict
        Arguments of :func:`create_app`.
    host : str, default "127.0.0.1"
        Address to listen on.
    port : int, default 8000
        Port to listen on; 0 for a free one.
    workers : int, default 1
        Number of processes.
    log_level : {"debug", "info", "warning", "error"}, default "warning"
        Lowest level of the lines on stderr.
    access_log : bool, default False
        Whether each request is a line, of the level "info".
    started : callable, optional
        Function that is called with the address once the socket listens.

    Raises
    ------
    ImportError
        If uvicorn, FastAPI or prometheus_client is not installed.
    OSError, ValueError
        If a file is not a valid model, or the address cannot be used.
    """
    uvicorn = optional.load("uvicorn", purpose="a service", library="uvicorn", extra="serve")
    application = Application(dict(models), settings, log_level)
    app: Any = application
    if workers == 1:
        app = application()
    else:
        _check(models)
    with _listening(host, port) as listener, _metrics_of(workers):
        config = uvicorn.Config(
            app,
            factory=workers > 1,
            workers=workers,
            log_config=None,
            log_level=log_level,
            access_log=access_log,
            ws="none",
            timeout_graceful_shutdown=settings.get("timeout", 30.0),
            server_header=False,
        )
        if started is not None:
            started(_address(listener))
        if workers == 1:
            with _ending_normally():
                uvicorn.Server(config).run(sockets=[listener])
        else:
            supervisors = optional.load(
                "uvicorn.supervisors", purpose="a service", library="uvicorn", extra="serve"
            )
            supervisors.Multiprocess(config, sockets=[listener]).run()


def _check(models: Mapping[str, Any]) -> None:
    """Raise the error for the first file that is not a valid model, before processes are started."""
    for model in models.values():
        for path in model.values() if isinstance(model, Mapping) else (model,):
            read_file(os.fspath(path))


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Return a socket that listens; the error names the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol stated, asyncio switches Nagle's algorithm off, which would delay each answer by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen: {error.strerror}", f"{host}:{port}") from None
    listener.set_inheritable(True)
    with listener:
        yield listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@contextmanager
def _metrics_of(workers: int) -> Iterator[None]:
    """Let several processes count together, in a folder that is removed at the end."""
    if workers == 1 or _MULTIPROCESS in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="compiled_nn-metrics-") as folder:
        os.environ[_MULTIPROCESS] = folder
        try:
            yield
        finally:
            del os.environ[_MULTIPROCESS]


@contextmanager
def _ending_normally() -> Iterator[None]:
    """Let a signal end the server, and not the process: uvicorn repeats it after the last answer."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
