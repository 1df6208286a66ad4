"""Predictions for Dask arrays and data frames, which are computed block by block when they are needed."""

from __future__ import annotations

import string
import sys
import warnings
from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import numpy as np

from ..common.errors import CompiledNNWarning, count
from ..common.text import distinct_texts
from ..data.arrays import Array
from .sending import SentModel

_PREFIXES = {  # of the columns of a result, by the method
    "predict": "prediction",
    "predict_proba": "probability",
    "predict_log_proba": "log_probability",
    "decision_function": "decision",
    "predict_set": "set",
}
_PAIRS = {"predict_interval": ("lower", "upper"), "predict_distribution": ("mean", "std")}
_WITHOUT_COLLECTIONS = ("out",)  # options of methods that write to an array of the caller


def is_collection(X: Any) -> bool:
    """Return whether X is an array or a table of Dask."""
    return dask.is_dask_collection(X) and (isinstance(X, da.Array) or is_frame(X))


def is_frame(X: Any) -> bool:
    """Return whether X is a data frame of Dask; ``dask.dataframe``, which takes a second to import, is not imported."""
    frames = sys.modules.get("dask.dataframe")
    return frames is not None and isinstance(X, frames.DataFrame)


def predict(model: Any, X: Any, method: str = "predict", **options: Any) -> Any:
    """Predict the rows of a Dask array or data frame with a plain model, lazily.

    Parameters
    ----------
    model : Network, Ensemble or estimator
        Fitted model, for example one that was loaded from a file. A task graph has it once; each worker process loads
        it once and predicts with one thread.
    X : Dask array (m, k), Dask data frame, or anything that the model predicts
        Rows. Chunks along the columns of an array are joined; numbers of rows may be unknown. Rows that are not a
        collection of Dask are predicted at once, here.
    method : str, default "predict"
        Method of the model: "predict", "predict_proba", "predict_log_proba", "decision_function", "predict_set",
        "predict_interval", "predict_distribution", or another one that takes rows and returns an array with a row for
        each.
    **options : Any
        Arguments of the method, such as ``coverage=0.9``.

    Returns
    -------
    Dask array, Dask series or Dask data frame
        Predictions with the chunks, or the partitions and the index, of X. Of a data frame, the results with several
        columns have the names of ``compiled-nn predict``: "probability_yes", "q0.05". "predict_interval" and
        "predict_distribution" return a pair.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError, ValueError
        If the model cannot predict such columns. Values are checked when the predictions are computed.

    Examples
    --------
    >>> import dask.array as da
    >>> import compiled_nn as cnn
    >>> from compiled_nn.dask import predict
    >>> data = cnn.datasets.xor()
    >>> model = cnn.MLPClassifier(solver="lbfgs", random_state=1).fit(data.X_train, data.y_train)
    >>> rows = da.from_array(data.X_train, chunks=(2, 2))
    >>> predicted = predict(model, rows)  # nothing is computed yet
    >>> predicted.compute(), data.y_train
    (array([0, 1, 1, 0]), array([0, 1, 1, 0]))
    """
    if not is_collection(X):
        return getattr(model, method)(X, **options)
    for name in _WITHOUT_COLLECTIONS:
        if options.pop(name, None) is not None:
            raise TypeError(
                f"{name!r} cannot be given for {type(X).__name__}: its predictions are computed later."
            )
    sent = SentModel(model)
    node = dask.delayed(sent, name=f"model-{sent.token}", traverse=False)
    of_kind = _of_frame if is_frame(X) else _of_array
    return of_kind(sent.model(), node, X, method, options)


@dataclass(frozen=True)
class Answers:
    """Function of a block of rows and a model, with the form of its result.

    Parameters
    ----------
    method : str
        Method of the model.
    options : dict
        Arguments of the method.
    dtype : dtype
        Dtype of the result.
    shape : tuple of int
        Shape of the result of one row; both arrays of a pair are stacked along the last axis.
    """

    method: str
    options: dict[str, Any]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __call__(self, block: Any, sent: SentModel) -> Array:
        """Return the predictions (m, *shape) of the rows of a block."""
        if not block.shape[0]:
            return np.empty((0, *self.shape), self.dtype)
        return _called(sent.model(), self.method, block, self.options)


@dataclass(frozen=True)
class FrameAnswers(Answers):
    """Function of a partition and a model; `order` has the columns of a partition, `names` those of the result."""

    order: tuple[Any, ...]
    names: tuple[str, ...]

    def __call__(self, block: Any, sent: SentModel) -> Any:
        """Return the predictions of a partition, with its index."""
        ordered = block if tuple(block.columns) == self.order else block[list(self.order)]
        return _framed(ordered, super().__call__(ordered, sent), self.names)


def _called(model: Any, method: str, rows: Any, options: dict[str, Any]) -> Array:
    answer = getattr(model, method)(rows, **options)
    if isinstance(answer, tuple):
        return np.stack(answer, axis=-1)
    return np.asarray(answer)


def _form(
    model: Any, method: str, rows: Any, options: dict[str, Any]
) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the dtype, and the shape for each row, of the predictions of rows like the given ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompiledNNWarning)
        found = _called(model, method, rows, options)
    if found.shape[:1] != (len(rows),):
        raise TypeError(
            f"{method!r} does not return an array with a row for each row of X. Methods that do are"
            f" {', '.join(map(repr, (*_PREFIXES, *_PAIRS)))}."
        )
    return found.dtype, found.shape[1:]


def _form_of_array(
    model: Any, method: str, rows: Array, options: dict[str, Any]
) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the form of predictions of rows like the given zeros, or of missing values where zeros are refused."""
    try:
        return _form(model, method, rows, options)
    except TypeError:
        if rows.dtype != object:
            raise
    return _form(model, method, np.full(rows.shape, None, object), options)  # columns of text take them


def _of_array(model: Any, node: Any, X: Any, method: str, options: dict[str, Any]) -> Any:
    width = X.shape[1:]
    if any(np.isnan(n) for n in width):
        raise ValueError(
            f"X has an unknown number of columns: its shape is {X.shape}. Call X.compute_chunk_sizes() first."
        )
    dtype, shape = _form_of_array(model, method, np.zeros((1, *width), X.dtype), options)
    letters = iter(string.ascii_letters)
    of_rows, *of_columns = (next(letters) for _ in range(X.ndim))
    new = {next(letters): n for n in shape}
    answers = da.blockwise(
        Answers(method, options, dtype, shape),
        (of_rows, *new),
        X,
        (of_rows, *of_columns),
        node,
        None,
        new_axes=new,
        concatenate=True,
        dtype=dtype,
        meta=np.empty((0,) * (1 + len(shape)), dtype),
        name=f"{method}-{dask.base.tokenize(X, node.key, method, options)}",
    )
    return (answers[..., 0], answers[..., 1]) if method in _PAIRS else answers


def _of_frame(model: Any, node: Any, X: Any, method: str, options: dict[str, Any]) -> Any:
    rows = X._meta_nonempty.iloc[:1]
    dtype, shape = _form(model, method, rows, options)
    if len(shape) > 1 + (method in _PAIRS):
        raise TypeError(
            f"{method!r} has {count(len(shape) + 1, 'dimension')} for each partition; a data frame has 2. Pass"
            " X.to_dask_array() for an array of such predictions."
        )
    names = _names(model, method, shape)
    answers = FrameAnswers(method, options, dtype, shape, tuple(X.columns), names)
    meta = _framed(X._meta, np.empty((0, *shape), dtype), names)
    found = X.map_partitions(answers, node, meta=meta, enforce_metadata=False, align_dataframes=False)
    if method not in _PAIRS:
        return found
    half = len(names) // 2
    if half == 1:
        return found[names[0]], found[names[1]]
    return found[list(names[:half])], found[list(names[half:])]


def _names(model: Any, method: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return the names of the columns of a result; one name for a result without columns."""
    if method in _PAIRS:
        outputs = shape[:-1]
        pairs = (_numbered(name, outputs) for name in _PAIRS[method])
        return tuple(name for names in pairs for name in names)
    prefix = _PREFIXES.get(method, method)
    network = getattr(model, "network_", model)
    loss = network._configuration.loss
    if method == "predict" and hasattr(loss, "quantiles") and shape == (len(loss.quantiles),):
        return tuple(f"q{level:g}" for level in loss.quantiles)
    if method != "predict" and method in _PREFIXES and shape:
        classes = distinct_texts(model.classes_.tolist())
        if len(classes) == shape[0]:
            return tuple(f"{prefix}_{name}" for name in classes)
    return _numbered(prefix, shape)


def _numbered(name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(f"{name}_{i}" for i in range(shape[0])) if shape else (name,)


def _framed(partition: Any, answers: Array, names: tuple[str, ...]) -> Any:
    """Return predictions as a series or a data frame with the index of a partition."""
    library = sys.modules["pandas"]
    if answers.ndim == 1:
        return library.Series(answers, index=partition.index, name=names[0])
    columns = answers.T.reshape(len(names), len(answers))
    return library.DataFrame(dict(zip(names, columns, strict=True)), index=partition.index)
