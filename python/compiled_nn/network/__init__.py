"""The class Network, and functions that load one from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .network import Network, load, load_checkpoint

__all__ = ["Network", "load", "load_checkpoint"]

__getattr__, __dir__ = lazy.attach(__name__, dict.fromkeys(__all__, "network"))
