"""Tables of files."""

from ..data.table import Table

__all__ = ["Table"]
