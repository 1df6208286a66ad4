"""What chapters below the network use of it: its history, and the protocol of a network in training."""

from __future__ import annotations

from typing import Any, TypeAlias

History: TypeAlias = "dict[str, list[Any]]"
