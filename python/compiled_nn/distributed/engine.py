"""Engines: where tasks run, and how their results stay there; one engine for any function like the builtin ``map``."""

from __future__ import annotations

import builtins
import pickle
import shutil
import sys
import tempfile
import threading
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..common.errors import count

Function = Callable[..., Any]

CACHE_BYTES = 1 << 30  # bytes of held results that a process keeps, by default
_LARGE = 1 << 15  # bytes of a held result's function and arguments above which they travel once, in a file


class Engine(Protocol):
    """Where tasks run.

    A task is a function of a module and a tuple of arguments. Its result depends on nothing else, so that an engine may
    run it anywhere, and again if a worker was lost.

    Attributes
    ----------
    n_workers : int or None
        Number of workers; None if it is not known.
    """

    @property
    def n_workers(self) -> int | None:
        """Number of workers; None if it is not known."""

    def map(
        self, function: Function, arguments: Sequence[tuple[Any, ...]], ranks: Sequence[int] | None = None
    ) -> list[Any]:
        """Return the results of ``function(*each)`` for each of `arguments`, in their order.

        Parameters
        ----------
        function : callable
            Function of a module.
        arguments : sequence of tuple
            Arguments of each call. Handles in them, also in nested lists and tuples, become what they stand for.
        ranks : sequence of int, optional
            Rank of the shard of each call: calls of the same rank are best run by the same worker.

        Returns
        -------
        list
            Results. If a call raises an exception, it is raised here.
        """

    def hold(
        self, function: Function, arguments: Sequence[tuple[Any, ...]], ranks: Sequence[int] | None = None
    ) -> list[Any]:
        """Return handles of the results of ``function(*each)``, which stay on workers; parameters as for :meth:`map`.

        The results may be computed at any time before they are used, and again. An exception is raised by the
        :meth:`map` that uses a handle.
        """

    def release(self, handles: Iterable[Any]) -> None:
        """Forget what the handles stand for; they are not used again."""


class MapEngine:
    """Engine on a function like the builtin ``map``, such as the `map` of an executor of `concurrent.futures`.

    A held result is computed by the process that needs it, which keeps it as long as all held results of the process
    have at most `cache_bytes` bytes; those that were used least recently are dropped first, and computed again when
    they are needed.

    Parameters
    ----------
    map : callable, default builtins.map
        Function of a function and an iterable that returns the results in order. It may run the calls in threads, or in
        other processes, to which it sends functions of modules and arguments.
    cache_bytes : int, default 2**30
        Number of bytes of held results that each process keeps.
    folder : path, optional
        Folder for data that are sent to several tasks of other processes: they are written there once. Default: a
        temporary folder. Processes on other machines need a folder that all of them share.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> engine = cnn.distributed.MapEngine()
    >>> (numbers,) = engine.hold(range, [(4,)])
    >>> engine.map(sum, [(numbers,)])
    [6]
    """

    def __init__(
        self,
        map: Callable[..., Iterable[Any]] = builtins.map,
        *,
        cache_bytes: int = CACHE_BYTES,
        folder: str | Path | None = None,
    ) -> None:
        self._map, self._cache_bytes = map, cache_bytes
        self._spool = _Spool(folder)

    @property
    def n_workers(self) -> None:
        """Number of workers, which is not known: None."""
        return None

    def map(
        self, function: Function, arguments: Sequence[tuple[Any, ...]], ranks: Sequence[int] | None = None
    ) -> list[Any]:
        """Return the results of ``function(*each)``; documented in :meth:`Engine.map`."""
        results = list(self._map(_call, [(function, each) for each in arguments]))
        if len(results) != len(arguments):
            raise ValueError(
                f"The function map has returned {count(len(results), 'result')} for {count(len(arguments), 'task')}."
                " It must return one result per task, in order, as the builtin map does."
            )
        return results

    def hold(
        self, function: Function, arguments: Sequence[tuple[Any, ...]], ranks: Sequence[int] | None = None
    ) -> list[Held]:
        """Return handles of the results of ``function(*each)``; documented in :meth:`Engine.hold`."""
        return [Held(function, each, self._cache_bytes, self._spool) for each in arguments]

    def release(self, handles: Iterable[Held]) -> None:
        """Forget what the handles stand for, and drop it in this process; other processes drop it for newer results."""
        for handle in handles:
            _cache.drop(handle.token)
            handle.discard()


def _call(task: tuple[Function, tuple[Any, ...]]) -> Any:
    """Run a task."""
    function, arguments = task
    return function(*_resolved(arguments))


def _resolved(value: Any) -> Any:
    """Return a value with the results of the handles in nested lists and tuples."""
    if type(value) is Held:
        return value.result()
    if type(value) is tuple:
        return tuple([_resolved(each) for each in value])
    if type(value) is list:
        return [_resolved(each) for each in value]
    return value


class _Spool:
    """Folder of the data that travel to other processes in files; made when it is first needed."""

    def __init__(self, folder: str | Path | None) -> None:
        self._folder = None if folder is None else Path(folder)
        self._lock = threading.Lock()

    def write(self, token: str, content: bytes) -> Path:
        """Return the path of a new file with the content."""
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="compiled-nn-"))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        path = self._folder / f"{token}.pickle"
        path.write_bytes(content)
        return path


class Held:
    """Handle of a result that the process that needs it computes, and keeps for a while.

    Parameters
    ----------
    function : callable
        Function that returns the result.
    arguments : tuple
        Its arguments, which may have handles.
    cache_bytes : int
        Number of bytes of held results that a process keeps.
    spool : _Spool
        Where large arguments are written for other processes.

    Attributes
    ----------
    token : str
        Name of the result in all processes.
    """

    def __init__(
        self, function: Function, arguments: tuple[Any, ...], cache_bytes: int, spool: _Spool
    ) -> None:
        self.token = uuid.uuid4().hex
        self._task: tuple[Function, tuple[Any, ...]] | None = (function, arguments)
        self._cache_bytes = cache_bytes
        self._spool: _Spool | None = spool
        self._content: Any = (
            None  # the task as other processes get it: its pickle, the path of a file, or itself
        )
        self._lock = threading.Lock()

    @classmethod
    def _received(cls, token: str, content: Any, cache_bytes: int) -> Held:
        """Return the handle in another process."""
        held = cls.__new__(cls)
        held.token, held._content, held._cache_bytes = token, content, cache_bytes
        held._task, held._spool, held._lock = None, None, threading.Lock()
        return held

    def result(self) -> Any:
        """Return the result: the one that this process has kept, or a new one."""
        return _cache.get(self.token, self._compute, self._cache_bytes)

    def discard(self) -> None:
        """Discard the arguments and their file."""
        with self._lock:
            if isinstance(self._content, Path):
                self._content.unlink(missing_ok=True)
            self._task = self._content = None

    def _compute(self) -> Any:
        task, content = self._task, self._content
        if task is None and content is None:
            raise RuntimeError("A held result is used after its release.")
        return _call(_opened(content) if task is None else task)

    def __reduce__(self) -> tuple[Any, ...]:
        with self._lock:
            if self._content is None:
                self._content = self._packed()
        return Held._received, (self.token, self._content, self._cache_bytes)

    def _packed(self) -> Any:
        """Return the task as other processes get it."""
        assert self._spool is not None
        try:
            content = pickle.dumps(self._task, protocol=5)
        except (pickle.PicklingError, AttributeError, TypeError):
            return self._task  # the pickler of the caller may know more, as that of joblib does
        return self._spool.write(self.token, content) if len(content) > _LARGE else content


def _opened(content: Any) -> tuple[Function, tuple[Any, ...]]:
    """Return a task that another process has sent."""
    if isinstance(content, Path):
        try:
            content = content.read_bytes()
        except OSError as error:
            raise OSError(
                f"A worker cannot read the data that were written for it to {content}: {error.strerror or error}. If"
                " the workers are on other machines, pass folder=, a folder that all of them share, or parts that are"
                " functions, which read the data on the worker."
            ) from error
    task: tuple[Function, tuple[Any, ...]] = pickle.loads(content) if isinstance(content, bytes) else content
    return task


class _Cache:
    """Held results of this process, in the order of their last use."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._computing: dict[str, threading.Lock] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, token: str, compute: Callable[[], Any], most: int) -> Any:
        """Return the value of a token, computed by one thread if it is missing; then keep at most `most` bytes."""
        found = self._find(token)
        if found is not None:
            return found[0]
        with self._lock:
            computing = self._computing.setdefault(token, threading.Lock())
        try:
            with computing:
                found = self._find(token)  # another thread may have computed it
                if found is None:
                    found = compute(), 0
                    self._keep(token, found[0], most)
                return found[0]
        finally:
            with self._lock:
                self._computing.pop(token, None)

    def drop(self, token: str) -> None:
        """Drop a value, if there is one."""
        with self._lock:
            _, size = self._entries.pop(token, (None, 0))
            self._bytes -= size

    def _find(self, token: str) -> tuple[Any, int] | None:
        with self._lock:
            found = self._entries.get(token)
            if found is not None:
                self._entries.move_to_end(token)
            return found

    def _keep(self, token: str, value: Any, most: int) -> None:
        size = size_of(value)
        if size > most:
            return
        with self._lock:
            self._entries[token] = value, size
            self._bytes += size
            while self._bytes > most:
                _, (_, dropped) = self._entries.popitem(last=False)
                self._bytes -= dropped


def size_of(value: Any) -> int:
    """Return about the number of bytes of a value."""
    size = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return size
    if isinstance(value, dict):
        return sum(size_of(each) for each in value.values())
    if isinstance(value, (list, tuple)):
        return sum(size_of(each) for each in value)
    return sys.getsizeof(value)


_cache = _Cache()
