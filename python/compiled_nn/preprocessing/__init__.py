"""Columns of X made into numbers that a network learns from: tables of numbers and categories, and scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .tabular import Tabular

__all__ = ["Tabular"]

__getattr__, __dir__ = lazy.attach(__name__, {"Tabular": "tabular"})
