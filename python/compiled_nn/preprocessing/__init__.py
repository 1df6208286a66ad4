"""Preprocessing of the columns of X: encoding of tables with numbers and categories, and standardization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .tabular import Tabular

__all__ = ["Tabular"]

__getattr__, __dir__ = lazy.attach(__name__, {"Tabular": "tabular"})
