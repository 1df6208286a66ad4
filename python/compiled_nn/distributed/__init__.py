"""Training over shards of rows that are spread over several processes, on any function like the builtin ``map``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .cost import Costs, Estimate
    from .engine import Engine, MapEngine
    from .measuring import estimate
    from .rows import ShardedRows
    from .states import merge_states

__all__ = ["Costs", "Engine", "Estimate", "MapEngine", "ShardedRows", "estimate", "merge_states"]

# These names are imported on first use, to keep `import compiled_nn` fast for programs that do not use them.
__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        **dict.fromkeys(("Costs", "Estimate"), "cost"),
        **dict.fromkeys(("Engine", "MapEngine"), "engine"),
        "ShardedRows": "rows",
        "estimate": "measuring",
        "merge_states": "states",
    },
)
