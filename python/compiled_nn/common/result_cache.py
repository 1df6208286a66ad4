"""Held results of tasks of this process, bounded in bytes."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any


class ResultCache:
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


RESULTS = ResultCache()
