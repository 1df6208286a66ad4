"""The class Network, and functions that load one from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .loading import load, load_checkpoint
    from .network import Network

__all__ = ["Network", "load", "load_checkpoint"]

__getattr__, __dir__ = lazy.attach(
    __name__, {"Network": "network", "load": "loading", "load_checkpoint": "loading"}
)
