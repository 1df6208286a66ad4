"""How estimators behave among scikit-learn's: what asks for that library asks only where it is there already."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from types import MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Never

from ..common import optional
from ..common.errors import CompiledNNWarning, NotFittedError
from .parameters import STOCHASTIC

if TYPE_CHECKING:
    from typing import Self

_PACKAGE = __name__.split(".")[0] + "."


def _loaded() -> ModuleType | None:
    """Return our module of scikit-learn's classes, when the program has imported that library."""
    if "sklearn.exceptions" not in sys.modules:
        return None
    from . import _sklearn

    return _sklearn


def _required() -> Any:  # scikit-learn has no types
    """Return our module of scikit-learn's classes, or raise the ImportError that says how to get the library."""
    optional.load("sklearn", purpose="Working inside scikit-learn", library="scikit-learn", extra="sklearn")
    from . import _sklearn

    return _sklearn


def warn(message: str, category: type[Warning]) -> None:
    """Warn whoever called the package."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals["__name__"].startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def warn_of_column(shape: tuple[int, ...]) -> None:
    """Warn, where scikit-learn would be heard, that y is a column."""
    _sklearn = _loaded()
    if _sklearn is not None:
        warn(
            f"A column-vector y was passed when a 1d array was expected. y has shape {shape}. Please change the shape"
            " of y to (n_samples, ), for example using ravel().",
            _sklearn.DataConversionWarning,
        )


def warn_of_end(message: str) -> None:
    """Warn that training ended before it converged."""
    _sklearn = _loaded()
    warn(message, CompiledNNWarning if _sklearn is None else _sklearn.ConvergenceWarning)


def refuse_unfitted(owner: str) -> Never:
    """Raise the error of an estimator that is asked before fit."""
    _sklearn = _loaded()
    error = NotFittedError if _sklearn is None else _sklearn.NotFittedError
    raise error(
        f"This {owner} instance is not fitted yet. Call 'fit' with appropriate arguments before using this estimator."
    )


class OfStochasticSolvers:
    """A method that is there only while `solver` is one that takes steps."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, estimator: Any, owner: type) -> Any:
        if estimator is None:
            return self._function
        if estimator.solver not in STOCHASTIC:
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."
            )
        return MethodType(self._function, estimator)


class SklearnMember:
    """What scikit-learn asks an estimator for; each method imports that library."""

    _kind: str

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: what X and y may be."""
        return _required().tags(self)

    def get_metadata_routing(self) -> Any:
        """Return which arguments of fit, partial_fit and score a meta-estimator is asked to hand on."""
        return _required().requester(self).get_metadata_routing()

    def set_fit_request(self, **requests: Any) -> Self:
        """Ask meta-estimators to hand on arguments of fit, as ``sample_weight=True``; return self."""
        return self._request("set_fit_request", requests)

    def set_partial_fit_request(self, **requests: Any) -> Self:
        """Ask meta-estimators to hand on arguments of partial_fit; return self."""
        return self._request("set_partial_fit_request", requests)

    def set_score_request(self, **requests: Any) -> Self:
        """Ask meta-estimators to hand on arguments of score; return self."""
        return self._request("set_score_request", requests)

    def _request(self, method: str, requests: dict[str, Any]) -> Self:
        requester = _required().requester(self)
        getattr(requester, method)(**requests)
        self._metadata_request = requester._metadata_request
        return self
