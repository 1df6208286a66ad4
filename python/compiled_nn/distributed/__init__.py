"""Training over shards of rows that are spread over several processes, on any function like the builtin ``map``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .engine import Engine, MapEngine
    from .rows import ShardedRows
    from .states import merge_states

__all__ = ["Engine", "MapEngine", "ShardedRows", "merge_states"]

# These names are imported on first use, to keep `import compiled_nn` fast for programs that do not use them.
__getattr__, __dir__ = lazy.attach(
    __name__,
    {**dict.fromkeys(("Engine", "MapEngine"), "engine"), "ShardedRows": "rows", "merge_states": "states"},
)
