"""Predictor: inputs, folded layers and outputs as one immutable object, which is replaced after training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..common import checks
from ..common.immutable import Immutable
from ..data import arrays, samples
from ..data.arrays import Array
from . import refusals
from .folding import units
from .inputs import Inputs
from .narrowing import PredictionPrecision, Ranges, measure, narrowed
from .outputs import Outputs

if TYPE_CHECKING:
    from cnn_core.layers import Layers, Units

    from ..data.samples import Samples
    from .mean_layers import MeanLayers

LOGITS, LINKED, BOTH_CLASSES = range(3)  # kinds of output of Layers.try_forward


class Predictor(Immutable):
    """Predictor of a network, made from its weights. It is replaced as a whole when they change.

    Attributes
    ----------
    inputs : Inputs
        Description of the inputs.
    layers : cnn_core.layers.Layers or MeanLayers
        Folded layers, see :func:`compiled_nn.artefact.folding.folded`.
    outputs : Outputs
        Description of the outputs.
    n_threads : int or None
        Number of threads; None follows :func:`set_num_threads`.
    direct : cnn_core.layers.Layers, MeanLayers or None
        The same layers if X needs no encoder, otherwise None.
    probabilities : int or None
        Kind of output of the core that gives the probabilities; None if the loss computes them, or there are none.
    scale : float
        Factor by which X is multiplied.
    largest : float or None
        Number that exp of the core returns for all larger ones, if it is the link.
    few : int
        Number of rows for which all outputs are computed together.
    one_each : bool
        Whether each output is a value.
    units, exact : cnn_core.layers.Units or None
        Units of predicted values, in the dtype of y and in float64; None for classes.
    vector : cnn_core.layers.Units or None
        The same as `units` for a vector of values; None if the outputs of the core are not those of :meth:`predict`.
    precision : {"float32", "bfloat16", "int8"}
        Precision of the products; of no effect for a network of float64.
    ranges : tuple of Ranges
        Ranges of the inputs of the layers of each network, for "int8"; otherwise empty.
    """

    inputs: Inputs
    layers: Layers
    outputs: Outputs
    n_threads: int | None
    direct: Layers | None
    probabilities: int | None
    scale: float
    largest: float | None
    few: int
    one_each: bool
    units: Units | None
    exact: Units | None
    vector: Units | None
    precision: PredictionPrecision
    ranges: tuple[Ranges, ...]

    def __init__(
        self,
        layers: Layers | MeanLayers,
        inputs: Inputs,
        outputs: Outputs,
        *,
        embedded: bool | None,
        n_threads: int | None,
        precision: PredictionPrecision = "float32",
        ranges: tuple[Ranges, ...] = (),
    ) -> None:
        """Make the predictor of trained layers.

        `embedded` is whether the first one is an embedding layer; None: the layers are folded and narrowed already.
        """
        loss = outputs.loss
        probabilities = None
        if loss.classifies and not loss.ordered:
            probabilities = LINKED if outputs.n_outputs > 1 else BOTH_CLASSES
        folded_layers: Any = layers
        if embedded is not None:
            temperature = outputs.calibration.temperature
            folded_layers = narrowed(cast("Layers", layers), temperature, embedded, precision, *ranges)
        largest = refusals.largest_exp(inputs.dtype) if layers.activations[-1] == "exp" else None
        one_each = not loss.classifies and loss.n_columns(outputs.n_outputs) == outputs.n_outputs
        of_y = None if loss.classifies else (outputs.dtype or inputs.dtype)
        is_vector = one_each and outputs.n_outputs == 1 and largest is None and not hasattr(layers, "layers")
        self._set(
            inputs=inputs,
            layers=folded_layers,
            outputs=outputs,
            n_threads=n_threads,
            direct=folded_layers if inputs.encoder is None else None,
            probabilities=probabilities,
            scale=inputs.scale,
            largest=largest,
            few=samples.TOGETHER // outputs.n_outputs,
            one_each=one_each,
            units=None if of_y is None else units(outputs, of_y),
            exact=None if of_y is None else units(outputs, "float64"),
            vector=units(outputs, of_y, as_vector=True) if is_vector and of_y is not None else None,
            precision=precision,
            ranges=ranges,
        )

    def of_encoded(self) -> Predictor:
        """Return the predictor for rows that are encoded already, with their columns in the order of fit."""
        return self.replace(inputs=self.inputs.of_encoded(), direct=self.layers)

    def measure_ranges(self, rows: Samples) -> tuple[Ranges, ...]:
        """Return the ranges of the inputs of the layers of each network, see :class:`Ranges`.

        Parameters
        ----------
        rows : ndarray or SparseRows (m, k)
            Calibration rows, converted for the core.
        """
        layers: Any = self.layers
        networks = getattr(layers, "layers", (layers,))  # several ones, whose outputs are averaged
        return tuple(measure(each, rows, self.inputs, self.n_threads) for each in networks)

    def forward(
        self, X: Any, output: int = LINKED, out: Array | None = None, *, exact: bool = False
    ) -> Array:
        """Return the outputs for X, which are finite; values are in units of y.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for ``Network.predict``.
        output : {LOGITS, LINKED, BOTH_CLASSES}, default LINKED
            Kind of output: before the link, after the link, or the probabilities of both classes for one sigmoid
            output.
        out : ndarray, optional
            Array to write to, C-contiguous and in the dtype of the network; for values, in either dtype.
        exact : bool, default False
            Whether values are float64 whatever the dtype of y.

        Returns
        -------
        ndarray (m, n_outputs), or (m, 2) for BOTH_CLASSES
            `out`, or a new array.

        Raises
        ------
        TypeError, ValueError
            If X or `out` cannot be used, or an output is not finite.
        """
        of_y, outputs = self.exact if exact else self.units, None
        if self.direct is not None:
            outputs = self.direct.try_forward(X, out, output, self.scale, self.n_threads, of_y)
        if outputs is None:  # the core cannot read X as it is: convert it, or raise the error
            return self._of_rows(self.inputs.read(X), output, out, of_y)
        if self.largest is not None and output == LINKED:
            refusals.check_below(outputs, self.largest, "an output")
        return outputs

    def _of_rows(self, rows: Samples, output: int, out: Array | None, of_y: Units | None) -> Array:
        """Return the outputs of rows that are converted for the core, or raise the error for them."""
        outputs = self.layers.try_forward(rows, out, output, self.scale, self.n_threads, of_y)
        if outputs is None:
            raise self._refusal(rows, output != LOGITS)
        if self.largest is not None and output == LINKED:
            refusals.check_below(outputs, self.largest, "an output")
        return outputs

    def check(self, rows: Samples) -> None:
        """Raise the error for the first of the rows, converted for the core, whose outputs are not finite, if any."""
        self._of_rows(rows, LOGITS, None, self.units)

    def _refusal(self, rows: Samples, link: bool) -> ValueError:
        """Return, or raise, the error for rows that the core has refused."""
        checked = samples.read(rows, dtype=self.inputs.dtype, n_features=self.inputs.n_columns)
        return refusals.refusal(self.layers, self.inputs, self.outputs, checked, link, self.n_threads)

    def predict(self, X: Any, out: Array | None = None) -> Array:
        """Return labels or values; documented in :meth:`compiled_nn.Network.predict`."""
        if self.units is None:
            if out is None and type(X) is np.ndarray and X.size <= self.few:
                return self.outputs.targets.decode(self.forward(X))
            return self._labels(X, out)
        if self.vector is not None and self.direct is not None and out is None:
            # A column of the outputs would take longer than a small network.
            values = self.direct.try_forward(X, None, LINKED, self.scale, self.n_threads, self.vector)
            if values is not None:
                return values
        values = self.forward(X) if out is None and self.one_each else self.values(X, out)
        return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 and out is None else values

    def values(self, X: Any, out: Array | None = None) -> Array:
        """Return predicted values (m, n) in the dtype of y; `out`, which may be (m,) for one column, is optional."""
        loss = self.outputs.loss
        if self.one_each:
            return self.forward(X, LINKED, out)
        values = loss.values(self.forward(X, exact=getattr(out, "dtype", None) == np.float64))
        if out is None:
            return values
        return _written(out, values[:, 0] if values.shape[1] == 1 and np.ndim(out) == 1 else values)

    def _labels(self, X: Any, out: Array | None) -> Array:
        """Return the predicted labels."""
        targets = self.outputs.targets
        if out is not None or self._is_large(X):
            return self._by_blocks(self._rows(X), targets.decode, out)
        return targets.decode(self.forward(X))

    def _is_large(self, X: Any) -> bool:
        """Return whether the outputs for X are too large to compute all of them before they are decoded."""
        shape = getattr(X, "shape", None)
        m = shape[0] if isinstance(shape, tuple) and shape else len(X) if isinstance(X, list) else 0
        return m * self.outputs.n_outputs > samples.TOGETHER

    def _by_blocks(self, rows: Samples, decode: Callable[[Array], Array], out: Array | None = None) -> Array:
        """Return ``decode(outputs)`` for rows that the core reads, from the outputs of some of them at a time."""
        m, buffer = len(rows), None
        for part in samples.parts(rows, self.outputs.n_outputs):
            some = samples.between(rows, part.start, part.stop)
            buffer = self.layers.try_forward(
                some, None if buffer is None else buffer[: len(some)], LINKED, self.scale, self.n_threads
            )
            if buffer is None:
                raise self._refusal(rows, True)
            decoded = decode(buffer)
            if out is None:
                out = np.empty((m, *decoded.shape[1:]), decoded.dtype)
            elif part.start == 0:
                _check_out(out, (m, *decoded.shape[1:]), decoded.dtype)
            out[part] = decoded
        assert out is not None  # there is at least one row
        return out

    def _rows(self, X: Any) -> Samples:
        """Return X in the form that the core reads; an array of which it can read the numbers is not checked."""
        if self.direct is not None and type(X) is np.ndarray and X.ndim == 2 and len(X):
            rows: Array = X
            if (
                rows.dtype in arrays.CORE_DTYPES
                and rows.flags.aligned
                and rows.shape[1] == self.inputs.n_columns
            ):
                return rows
        return self.inputs.read(X)

    def predict_proba(self, X: Any, out: Array | None = None) -> Array:
        """Return probabilities of classes; documented in :meth:`compiled_nn.Network.predict_proba`."""
        if self.probabilities is not None:
            return self.forward(X, self.probabilities, out)
        loss = self.outputs.loss
        if not loss.classifies:
            raise ValueError(
                f"predict_proba is for classes; the loss {loss.name} predicts values. Use predict."
            )
        probabilities = loss.probabilities(self.forward(X))
        return probabilities if out is None else _written(out, probabilities)

    def predict_distribution(self, X: Any, out: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
        """Return means and standard deviations; documented in :meth:`compiled_nn.Network.predict_distribution`."""
        loss = self.outputs.loss
        outputs = self.forward(X)
        mean, std = loss.values(outputs), loss.deviations(outputs)
        if std is None:
            raise ValueError(f"predict_distribution needs the loss gaussian_nll; the loss is {loss.name}.")
        refusals.check_below(std, refusals.largest_exp(std.dtype), "a standard deviation")
        if mean.shape[1] == 1:
            mean, std = mean[:, 0], std[:, 0]
        if out is None:
            return mean, std
        if not isinstance(out, (tuple, list)) or len(out) != 2:
            raise TypeError(
                f"out must be a pair of arrays, for the means and the standard deviations. Got {type(out).__name__}"
                f"{f' of {len(out)}' if isinstance(out, (tuple, list)) else ''} instead."
            )
        for array, result in zip(out, (mean, std), strict=True):
            _check_out(array, result.shape, result.dtype)
        if np.shares_memory(*out):
            raise ValueError("The two arrays of out share memory, so one result would overwrite the other.")
        return _written(out[0], mean), _written(out[1], std)

    def decision_function(self, X: Any, out: Array | None = None) -> Array:
        """Return logits; documented in :meth:`compiled_nn.Network.decision_function`."""
        if isinstance(out, np.ndarray) and out.ndim == 1 and self.outputs.n_outputs == 1:
            self.forward(X, LOGITS, out[:, np.newaxis])
            return out
        logits = self.forward(X, LOGITS, out)
        return logits[:, 0] if logits.shape[1] == 1 and out is None else logits

    def score(self, rows: Samples, y: Array, weights: Array | None) -> float:
        """Return the score of rows converted for the core; `y` is encoded, values are in units of y and float64."""
        targets, loss = self.outputs.targets, self.outputs.loss
        if targets.kind == "values":
            return loss.score(y, loss.values(self._of_rows(rows, LINKED, None, self.units)), weights)
        from .. import metrics  # imported here to keep `import compiled_nn` fast

        if targets.kind == "indicator":
            return metrics.accuracy(y >= 0.5, self._by_blocks(rows, targets.decode) == 1, weights)
        return metrics.accuracy(targets.indices(y), self._by_blocks(rows, loss.class_indices), weights)

    def hidden(self, X: Any, layer: int) -> Array:
        """Return the output of a hidden layer; documented in :meth:`compiled_nn.Network.transform`."""
        rows = self.inputs.read(X)
        index = checks.place("layer", layer, len(self.layers.sizes) - 2, "hidden layer")
        hidden = self.layers.hidden(rows, index + 1, scale=self.scale, n_threads=self.n_threads)
        refusals.check_rows(hidden, f"hidden layer {index}")
        return hidden

    def bounds(self, X: Any) -> tuple[Array, Array, Array | float]:
        """Return the lowest and highest predicted value of each row, and the unit of the margins of intervals.

        Returns
        -------
        lower, upper : ndarray (m, n_columns) of float64
            Both are the predicted value, except for the lowest and the highest quantile for the loss "quantile".
        unit : ndarray (m, n_columns) or float
            Predicted standard deviations for "gaussian_nll", otherwise 1.0.
        """
        loss = self.outputs.loss
        outputs = self.forward(X, exact=True)
        values, deviations = loss.values(outputs), loss.deviations(outputs)
        if deviations is not None:
            refusals.check_below(deviations, refusals.largest_exp(deviations.dtype), "a standard deviation")
            refusals.check_above_zero(deviations)
        n = loss.n_columns(
            outputs.shape[1]
        )  # "quantile" has several values per column of y, in increasing order
        return values[:, :n], values[:, -n:], 1.0 if deviations is None else deviations


def _written(out: Array, result: Array) -> Array:
    """Return `out` after writing a result to it."""
    _check_out(out, result.shape, result.dtype)
    out[...] = result
    return out


def _check_out(out: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise an error if a result of this shape and dtype cannot be written to `out`."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out is of the type {type(out).__name__}; expected an array of shape {shape}.")
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}; expected {shape}.")
    floats = out.dtype.kind == dtype.kind == "f" and out.dtype.itemsize >= 4
    if not (floats or (np.can_cast(dtype, out.dtype) and out.dtype.kind != "c")) or not out.flags.writeable:
        raise ValueError(
            f"out has dtype {out.dtype}{'' if out.flags.writeable else ' and is read-only'}; expected a writable array"
            f" of dtype {dtype}."
        )
