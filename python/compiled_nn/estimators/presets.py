"""Presets: ``MLPClassifier(preset="tabular")`` and ``MLPRegressor(preset="tabular")`` create tabular estimators."""

from __future__ import annotations

from typing import Any

from .parameters import PRESETS


class _Signature:
    """Signature of a class: that of its ``__init__``, which ``inspect`` would not show because of ``__new__``."""

    def __get__(self, _: Any, cls: type) -> Any:
        import inspect  # imported here to keep `import compiled_nn` fast

        signature = inspect.signature(cls.__init__)  # type: ignore[misc]
        return signature.replace(parameters=list(signature.parameters.values())[1:])


class Presets:
    """Base class of the estimators that are created as another estimator for a preset."""

    _kind: str
    __signature__ = _Signature()

    def __new__(cls, *unnamed: Any, preset: Any = None, **parameters: Any) -> Any:
        """Return an estimator that is not initialised, or for a preset the estimator of the other class."""
        # Any other value is refused by `fit`, as it is for every parameter.
        is_preset = isinstance(preset, str) and preset in PRESETS
        if not is_preset or not cls.__module__.startswith(f"{__package__}."):
            return super().__new__(cls)
        from . import tabular  # imported here to keep `import compiled_nn` fast

        return (tabular.TabularClassifier if cls._kind == "classifier" else tabular.TabularRegressor)(
            *unnamed, **parameters
        )
