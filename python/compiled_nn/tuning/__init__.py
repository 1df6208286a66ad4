"""Search of hyper-parameters, whose candidates are trained together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .optuna_study import optimize_study
    from .searching import evaluate
    from .sklearn_search import SearchCV
    from .space import Integer, Real

__all__ = ["Integer", "Real", "SearchCV", "evaluate", "optimize_study"]

# These names are imported on first use, to keep `import compiled_nn` fast for programs that only predict.
__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        **dict.fromkeys(("Integer", "Real"), "space"),
        "SearchCV": "sklearn_search",
        "evaluate": "searching",
        "optimize_study": "optuna_study",
    },
)
