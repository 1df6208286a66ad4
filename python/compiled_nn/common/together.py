"""Changes that belong together: Ctrl-C, signal handlers and, with the GIL, other threads come before or after all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any


def together(function: Callable[..., object], *arguments: Iterable[Any]) -> None:
    """Call a function that is written in C for the arguments at each position of the iterables.

    CPython handles signals between instructions of Python code, and there are none here.
    """
    deque(map(function, *arguments), maxlen=0)


def set_together(model: object, attributes: dict[str, Any]) -> None:
    """Set attributes of a model."""
    together(object.__setattr__, repeat(model), attributes.keys(), attributes.values())
