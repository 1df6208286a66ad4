"""Compatibility with scikit-learn: its warnings and errors where it is imported, tags and metadata requests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Never

from ..common import optional
from ..common.errors import CompiledNNWarning, NotFittedError, warn
from .parameters import STOCHASTIC

if TYPE_CHECKING:
    from typing import Self

_OLDEST = (1, 7)  # first version of scikit-learn that the estimators support


def _version(sklearn: Any) -> tuple[int, ...]:
    """Return the first two numbers of the version of scikit-learn."""
    return tuple(int(number) for number in sklearn.__version__.split(".")[:2])


def _import_if_loaded() -> ModuleType | None:
    """Return the module `_sklearn` if the program has imported a scikit-learn that it supports, else None."""
    if "sklearn.exceptions" not in sys.modules or _version(sys.modules["sklearn"]) < _OLDEST:
        return None
    from . import _sklearn

    return _sklearn


def _import_required() -> Any:  # scikit-learn has no types
    """Return the module `_sklearn`; raise ImportError, with instructions, without scikit-learn or with an old one."""
    sklearn = optional.load(
        "sklearn", purpose="Working inside scikit-learn", library="scikit-learn", extra="sklearn"
    )
    if _version(sklearn) < _OLDEST:
        raise ImportError(
            f"The estimators work inside scikit-learn 1.7 or newer; {sklearn.__version__} is installed. Update it:"
            " pip install -U scikit-learn"
        )
    from . import _sklearn

    return _sklearn


def warn_column_vector(shape: tuple[int, ...]) -> None:
    """Warn that y is a column, as scikit-learn does, but only where scikit-learn is imported."""
    _sklearn = _import_if_loaded()
    if _sklearn is not None:
        warn(
            f"A column-vector y was passed when a 1d array was expected. y has shape {shape}. Please change the shape"
            " of y to (n_samples, ), for example using ravel().",
            _sklearn.DataConversionWarning,
        )


def warn_not_converged(message: str) -> None:
    """Warn that training ended before it converged."""
    _sklearn = _import_if_loaded()
    warn(message, CompiledNNWarning if _sklearn is None else _sklearn.ConvergenceWarning)


def raise_not_fitted(owner: str) -> Never:
    """Raise NotFittedError for an estimator of class `owner`."""
    _sklearn = _import_if_loaded()
    error = NotFittedError if _sklearn is None else _sklearn.NotFittedError
    raise error(
        f"This {owner} instance is not fitted yet. Call 'fit' with appropriate arguments before using this estimator."
    )


class AvailableIf:
    """Decorator of a method that only some estimators of a class have.

    Parameters
    ----------
    obstacle : callable
        Function of the estimator that returns the reason why it does not have the method; None if it has.
    """

    def __init__(self, obstacle: Callable[[Any], str | None]) -> None:
        self._obstacle = obstacle

    def __call__(self, function: Callable[..., Any]) -> Any:
        """Return the descriptor of the method."""
        return _Available(function, self._obstacle)


class _Available:
    """Descriptor of a method that raises an AttributeError if an estimator does not have it."""

    def __init__(self, function: Callable[..., Any], obstacle: Callable[[Any], str | None]) -> None:
        self._function, self._obstacle = function, obstacle
        self.__doc__ = function.__doc__

    def __get__(self, estimator: Any, owner: type) -> Any:
        if estimator is None:
            return self._function
        reason = self._obstacle(estimator)
        if reason is not None:
            raise AttributeError(reason)
        return MethodType(self._function, estimator)


def _is_not_stochastic(estimator: Any) -> str | None:
    if estimator.solver in STOCHASTIC:
        return None
    return f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."


stochastic_only = AvailableIf(_is_not_stochastic)


class SklearnMixin:
    """Methods that scikit-learn calls of an estimator; each of them imports scikit-learn."""

    _kind: str
    _encodes_arrays_only = False  # whether a sparse X is taken as numbers, also where a table is encoded

    @property
    def _estimator_type(self) -> str:
        """Kind of the estimator, which versions of scikit-learn without tags read: they are too old."""
        _import_required()
        return self._kind

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags, which describe the accepted X and y."""
        return _import_required().make_tags(self)

    def get_metadata_routing(self) -> Any:
        """Return the metadata requests: arguments that a meta-estimator passes to fit, partial_fit and score.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRequest
            Requests by method.

        Raises
        ------
        ImportError
            If scikit-learn is not installed.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> cnn.MLPClassifier().get_metadata_routing().score.requests
        {'sample_weight': None}
        """
        return _import_required().make_requester(self).get_metadata_routing()

    def set_fit_request(self, **requests: Any) -> Self:
        """Request arguments of fit from meta-estimators.

        Parameters
        ----------
        **requests : bool, None or str
            Request by the name of the argument: True to pass it, False not to pass it, None to raise an error if it is
            given, or another name under which it is given.

        Returns
        -------
        self : estimator
            This estimator.

        Raises
        ------
        ImportError
            If scikit-learn is not installed.
        RuntimeError
            If the routing of metadata is not enabled in scikit-learn's configuration.
        TypeError
            If fit has no such argument.

        Examples
        --------
        >>> import sklearn
        >>> import compiled_nn as cnn
        >>> with sklearn.config_context(enable_metadata_routing=True):
        ...     model = cnn.MLPClassifier().set_fit_request(sample_weight=True)
        >>> model.get_metadata_routing().fit.requests
        {'sample_weight': True, 'validation_data': None, 'validation_groups': None}
        """
        return self._request("set_fit_request", requests)

    def set_partial_fit_request(self, **requests: Any) -> Self:
        """Request arguments of partial_fit from meta-estimators.

        Parameters
        ----------
        **requests : bool, None or str
            Requests, as for :meth:`set_fit_request`.

        Returns
        -------
        self : estimator
            This estimator.

        Raises
        ------
        ImportError, RuntimeError, TypeError
            As for :meth:`set_fit_request`.

        Examples
        --------
        >>> import sklearn
        >>> import compiled_nn as cnn
        >>> with sklearn.config_context(enable_metadata_routing=True):
        ...     model = cnn.MLPRegressor().set_partial_fit_request(sample_weight=True)
        >>> model.get_metadata_routing().partial_fit.requests
        {'sample_weight': True}
        """
        return self._request("set_partial_fit_request", requests)

    def set_score_request(self, **requests: Any) -> Self:
        """Request arguments of score from meta-estimators.

        Parameters
        ----------
        **requests : bool, None or str
            Requests, as for :meth:`set_fit_request`.

        Returns
        -------
        self : estimator
            This estimator.

        Raises
        ------
        ImportError, RuntimeError, TypeError
            As for :meth:`set_fit_request`.

        Examples
        --------
        >>> import sklearn
        >>> import compiled_nn as cnn
        >>> with sklearn.config_context(enable_metadata_routing=True):
        ...     model = cnn.MLPRegressor().set_score_request(sample_weight=False)
        >>> model.get_metadata_routing().score.requests
        {'sample_weight': False}
        """
        return self._request("set_score_request", requests)

    def _request(self, method: str, requests: dict[str, Any]) -> Self:
        requester = _import_required().make_requester(self)
        getattr(requester, method)(**requests)
        self._metadata_request = requester._metadata_request
        return self
