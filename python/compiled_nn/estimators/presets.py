"""Presets: ``MLPClassifier(preset="tabular")`` and ``MLPRegressor(preset="tabular")`` create tabular estimators."""

from __future__ import annotations

from typing import Any

from ..common import checks
from .parameters import PRESETS


class Presets:
    """Base class of the estimators that are created as another estimator for a preset."""

    _kind: str

    def __new__(cls, *_: Any, preset: Any = None, **parameters: Any) -> Any:
        """Return an estimator that is not initialised, or for a preset the estimator of the other class."""
        if preset is None or not cls.__module__.startswith(f"{__package__}."):
            return super().__new__(cls)
        checks.choice(cls.__name__, "preset", preset, PRESETS)
        from . import tabular  # imported here to keep `import compiled_nn` fast

        return (tabular.TabularClassifier if cls._kind == "classifier" else tabular.TabularRegressor)(
            **parameters
        )
