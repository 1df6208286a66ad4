"""Report of a model: one HTML page with its data, training, scores and pictures, and without external files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .writing import write

__all__ = ["write"]

__getattr__, __dir__ = lazy.attach(__name__, {"write": "writing"})
