"""Report of a model: one HTML page with its data, training, scores and pictures, and without external files."""

from __future__ import annotations

from .writing import write

__all__ = ["write"]
