"""Forward, backward and step of a network, for training loops and losses of the user."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Never

import numpy as np

from ..artefact import refusals
from ..common import arithmetic
from ..common.exclusive import check_change, exclusive
from ..data import arrays
from ..data.arrays import Array
from ..data.samples import Samples
from ..spec.configuration import check_proximal
from ..training.levels import check_first_row
from ..training.weights import LayerState, layer_views
from ..uncertainty.calibration import NOTHING
from .fit import Fitting

if TYPE_CHECKING:
    import cnn_core.stack


class Tape:
    """Record of one call of :meth:`Network.forward`, from which :meth:`Network.backward` computes gradients.

    It refers to X, whose numbers must not change before the backward pass, and has the outputs of each layer for all
    rows. It is valid until the weights of the network change, and can be used several times.
    """

    __slots__ = ("_core", "_factor", "_probabilities")

    def __init__(self, core: cnn_core.stack.Tape, factor: Array | None, probabilities: Array | None) -> None:
        self._core = core
        self._factor = factor  # of each output, from the scaled outputs of the core to units of y
        self._probabilities = probabilities  # outputs after the softmax

    def __repr__(self) -> str:
        state = "valid" if self._core.is_valid else "not valid: the weights have changed"
        return f"<Tape of {self._core.rows} rows, {state}>"

    def __len__(self) -> int:
        return self._core.rows

    def __reduce__(self) -> Never:
        raise TypeError("A tape is not pickled: it belongs to its network. Call forward again.")

    def of_logits(self, d_out: Array) -> Array:
        """Return the gradient of what the core has recorded, from that of the outputs."""
        if self._factor is not None:
            d_out = d_out * self._factor
        if self._probabilities is not None:
            p = self._probabilities
            d_out = p * (d_out - (d_out * p).sum(axis=1, keepdims=True))
        return d_out


class Stepping(Fitting):
    """Methods of a network for training loops of the user: ``forward``, ``backward`` and ``step``."""

    def forward(self, X: Any, *, training: bool = False, link: bool = False) -> tuple[Array, Tape]:
        """Return the outputs for X, and a tape from which :meth:`backward` computes gradients.

        The outputs are those that the loss of the network takes. For classes, they are the logits, before softmax or
        sigmoid, without the temperature of ``calibrate``. For values, they are those of :meth:`predict`, in units of y;
        for a loss with the link exp, such as "poisson", their logarithms. With an activation of the last layer that is
        not the link of the loss, they are those after this activation.

        A network without weights draws its initial ones, and with `standardize` computes the statistics of X, as the
        first call of :meth:`partial_fit` does. Its labels are 0, 1, ... until fit or partial_fit learn others.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`fit`. Its numbers must not change before the backward pass, which may read them again.
        training : bool, default False
            Whether to drop units, if the network has dropout, and to normalise batches by their own statistics, which
            the running statistics follow. Two calls between two steps drop different units.
        link : bool, default False
            Whether to return the outputs after the link: probabilities for classes, the means for "poisson". There is
            one column for the probability of the second of two classes if the network has one output.

        Returns
        -------
        out : ndarray (m, n_outputs)
            Outputs in the dtype of the network; for scaled targets, in the dtype of :meth:`predict`. With ``ema``,
            they are those of the weights of the last step.
        tape : Tape
            Record of the call. Any number of tapes can exist at the same time.

        Raises
        ------
        TypeError, ValueError
            If X cannot be used, or an output is not finite; if `link` is True for the loss "ordinal", whose
            probabilities are not the outputs of a link; if the network has no weights yet and the statistics of
            `scale_targets` are missing.
        RuntimeError
            If the network is being trained by fit, except for callbacks between epochs.

        See Also
        --------
        backward : Gradients of a function of the outputs.
        step : Step of the optimizer with these gradients.

        Examples
        --------
        >>> import numpy as np
        >>> import compiled_nn as cnn
        >>> X = np.linspace(-1, 1, 32)[:, np.newaxis]
        >>> net = cnn.Network([cnn.Dense(8, "tanh"), cnn.Dense(1)], loss="mse", dtype="float64", seed=0)
        >>> for step in range(101):
        ...     out, tape = net.forward(X, training=True)
        ...     if step % 50 == 0:
        ...         print(step, np.mean((out - X) ** 4).round(3))
        ...     net.step(net.backward(tape, 4 * (out - X) ** 3 / len(X)))
        0 0.717
        50 0.243
        100 0.097
        """
        check_change(self, "forward", "Network")
        loss, c = self._configuration.loss, self._configuration
        if link and loss.ordered:
            raise ValueError(
                "link=True is not possible for the loss ordinal: its probabilities are not the outputs of a link. Leave"
                " link out, and compute with the outputs."
            )
        rows = self._first_rows(X) if self._trainer is None else self._known_inputs().read(X)
        stack = self._fitted()
        is_softmax = link and loss.link == "softmax"
        activated = c.activated or (link and loss.link != "identity" and not is_softmax)
        out, core = stack.record(
            rows, training=training, activated=activated, scale=c.scale, n_threads=self._n_threads
        )
        if training and c.has_batch_norm:
            self._weights_changed()
        factor, probabilities = None, None
        if is_softmax:
            probabilities = arithmetic.activate("softmax", out)
            out = probabilities.copy()  # that of the caller, who may change it
        elif (scaling := self._scaling_of_outputs()) is not None:
            factor, shift = scaling
            with np.errstate(over="ignore"):
                out = (out * factor + shift).astype(self._outputs.dtype or out.dtype)
        refusals.check_rows(out, "the outputs")
        return out, Tape(core, factor, probabilities)

    def backward(
        self, tape: Tape, d_out: Any, *, parameters: bool = True, inputs: bool = False
    ) -> dict[str, Any]:
        """Return the gradients of a function of the outputs with respect to the parameters and to X.

        Parameters
        ----------
        tape : Tape
            Tape of a call of :meth:`forward` of this network, whose weights have not changed since.
        d_out : array-like (m, n_outputs), or (m,) for one output
            Gradient of the function with respect to the outputs `out` of that call. If the function is a mean over the
            rows, it includes the factor 1 / m.
        parameters : bool, default True
            Whether to compute the gradients with respect to the parameters.
        inputs : bool, default False
            Whether to compute the gradient with respect to X.

        Returns
        -------
        dict
            "layers" has one dict per layer with "weight" (inputs, units), "bias" (units,) and "norm", a dict with
            "gain" (units,), as in :meth:`gradients`, without the penalty; layers that are not trainable have gradients
            of 0. "inputs" is the gradient (m, k) with respect to the unscaled X, in the dtype of the network: for a
            table, with respect to the columns that ``input_names_`` names, as for :meth:`input_gradient`. A key is
            absent if its parameter is False.

        Raises
        ------
        TypeError, ValueError
            If `d_out` has another shape or numbers that are not finite, the tape is of another network, or a gradient
            is not finite.
        RuntimeError
            If the weights have changed since the forward pass; if the network is being trained by fit, except for
            callbacks between epochs; if another thread uses this tape.

        See Also
        --------
        forward : Outputs and tape.
        step : Step of the optimizer with the gradients.
        gradients : Gradients of the loss of the network.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", dtype="float64")
        >>> net.set_weights([([[2.0], [3.0]], [1.0])])
        >>> out, tape = net.forward([[10.0, 20.0]], training=True)
        >>> gradients = net.backward(tape, [[1.0]], inputs=True)
        >>> out, gradients
        (array([[81.]]), {'layers': [{'weight': array([[10.],
               [20.]]), 'bias': array([1.])}], 'inputs': array([[2., 3.]])})
        """
        stack = self._fitted()
        if not isinstance(tape, Tape):
            raise TypeError(f"tape must be a tape of forward. Got {type(tape).__name__} instead.")
        check_change(self, "backward", "Network")
        if tape._core.stack is not stack:
            raise ValueError(
                "The tape is of another network, or of this one before it was fitted again. Call forward of this"
                " network."
            )
        if not tape._core.is_valid:
            raise RuntimeError(
                "The weights of the network have changed since the forward pass of this tape, so its gradients would be"
                " wrong. Call backward before step, or forward again."
            )
        d = tape.of_logits(self._gradient_of_outputs(d_out, len(tape)))
        flat, of_rows = stack.backward(
            tape._core,
            np.ascontiguousarray(d, stack.dtype),
            parameters=parameters,
            rows=inputs,
            n_threads=self._n_threads,
        )
        gradients: dict[str, Any] = {}
        if parameters:
            _check_finite(flat)
            gradients["layers"] = layer_views(stack, flat)
        if of_rows is not None:
            refusals.check_rows(of_rows, "the gradient of X")
            gradients["inputs"] = of_rows
        return gradients

    @exclusive("Network")
    def step(self, gradients: Mapping[str, Any], *, penalty: bool = True) -> None:
        """Take one step of the optimizer with given gradients.

        It is the step of :meth:`partial_fit`: with the learning rate of the schedule, `clip_norm` and `clip_value`,
        weight decay, `proximal`, `ema`, frozen layers, and the penalty `l1` and `l2`. It counts as a step for schedules
        by steps, not as an epoch. The history is not changed.

        Parameters
        ----------
        gradients : dict
            Gradients in the form of :meth:`backward`; "inputs" is not used. Sums of the gradients of several tapes have
            this form, too. The arrays are not changed.
        penalty : bool, default True
            Whether to add the gradient of the penalty. False is for gradients that include it, such as those of
            :meth:`gradients`.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If the gradients do not match the network, or are not finite; if the optimizer is :class:`LBFGS`; if
            `penalty` is True for the network of an estimator. The network is then unchanged.
        RuntimeError
            If the network is being trained, by a caller of this call or in another thread.

        See Also
        --------
        forward, backward : Outputs and gradients.
        partial_fit : Steps for the loss of the network.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer=cnn.SGD(0.1), dtype="float64")
        >>> net.set_weights([([[2.0]], [1.0])])
        >>> out, tape = net.forward([[10.0]], training=True)
        >>> net.step(net.backward(tape, [[1.0]]))
        >>> net.get_weights()  # W - 0.1 * 10 and b - 0.1 * 1
        [(array([[1.]]), array([0.9]))]
        """
        stack = self._fitted()
        flat = stack.gradients
        self._check_optimizer()
        _read_gradients(gradients, layer_views(stack, flat), flat)
        self._take_step(flat, penalty)

    # ---- parts

    def _check_optimizer(self) -> None:
        """Raise ValueError if the optimizer takes no steps with given gradients."""
        if self._configuration.optimizer.name == "lbfgs":
            raise ValueError(
                "step takes one step with one gradient, but LBFGS needs the loss, too. Use fit, or assign another"
                " optimizer, such as net.optimizer = Adam()."
            )
        check_proximal(self._configuration)

    def _take_step(self, flat: Array, penalty: bool) -> None:
        """Take a step with a gradient that is laid out like the parameters."""
        trainer, c = self._known_trainer(), self._configuration
        objective = self._objective()
        if not penalty:
            objective = objective.replace(l1=0.0, l2=0.0, penalty_per_row=False)
        elif objective.penalty_per_row:
            raise ValueError(
                "The penalty of an estimator is divided by the number of rows, which step does not have. Pass"
                " penalty=False."
            )
        trainer.set_optimizer(c.optimizer)
        trainer.average = None
        rate = float(trainer.rates(c.optimizer, 1, 1)[0])
        try:
            trainer.stack.step_by(flat, rate, objective)
        finally:
            self._weights_changed()

    # ---- for a caller that shares the memory of the weights

    def _lend_weights(self) -> tuple[cnn_core.stack.Stack, Array]:
        """Return the stack and the vector of its weights, which may be changed as long as the vector exists."""
        check_change(self, "sharing its weights", "Network")
        stack = self._fitted()
        stack.fix_memory()
        vector = None if self._lent_weights is None else self._lent_weights()
        if vector is None or not np.may_share_memory(vector, stack.parameters):
            vector = stack.parameters
            self._lent_weights = weakref.ref(vector)
        self._weights_changed()
        return stack, vector

    def _discard_calibration(self) -> None:
        """Discard the calibration before the weights are changed in their memory."""
        if self._outputs.calibration is not NOTHING:
            self._weights_changed()

    @exclusive("Network")
    def _step_with(self, flat: Array, *, penalty: bool, is_finite: bool) -> None:
        """Take the step of :meth:`step` with a gradient that is laid out like the parameters.

        `is_finite` is whether all numbers are known to be finite; if not, they are checked.
        """
        self._check_optimizer()
        if not is_finite:
            _check_finite(flat)
        self._take_step(flat, penalty)

    def _scaling_of_outputs(self) -> tuple[Array, Array] | None:
        """Return factor and shift from the outputs of the core to units of y; None if they are the same."""
        scaling = self._outputs.scaling
        return None if scaling is None else self._configuration.loss.in_units(*scaling)

    @exclusive("Network")
    def _first_rows(self, X: Any) -> Samples:
        """Draw the initial weights for X; return X converted for the core."""
        c = self._configuration
        if c.scale_targets:
            raise ValueError(
                "scale_targets=True needs y, which forward does not have. Call fit(X, y, epochs=0) first, or leave"
                " scale_targets out."
            )
        inputs, rows = self._inputs_for(X, False)
        if len(rows) == 1:
            check_first_row(c, None, None)
        self._begin(rows, None, None, False, inputs)
        return rows

    def _gradient_of_outputs(self, d_out: Any, m: int) -> Array:
        """Return the gradient of the outputs (m, n), checked, as floats."""
        n = self._configuration.n_outputs
        d = arrays.floats(d_out, "d_out")
        if d.shape == (m,) and n == 1:
            d = d[:, np.newaxis]
        if d.shape != (m, n):
            raise ValueError(f"d_out has shape {d.shape}; the outputs of this tape have {(m, n)}.")
        arrays.check_finite(d, "d_out", self._configuration.dtype)
        return d


def _read_gradients(gradients: Any, views: list[LayerState], flat: Array) -> None:
    """Write gradients of all layers into views of a vector; errors name the array."""
    from ..training.state_checks import read_gradients  # imported here to keep `import compiled_nn` fast

    if not isinstance(gradients, Mapping):
        raise TypeError(f"gradients must be a dict. Got {type(gradients).__name__} instead.")
    if "layers" not in gradients:
        keys = ", ".join(repr(key) for key in gradients) or "none"
        raise ValueError(
            f"gradients has no key 'layers'; its keys: {keys}. Call backward with parameters=True."
        )
    read_gradients("gradients['layers']", gradients["layers"], views)
    _check_finite(flat)


def _check_finite(flat: Array) -> None:
    if arrays.first_unusable(flat, flat.dtype.name) is not None:
        raise ValueError(
            f"The gradients are not finite: one of them is beyond the range of {flat.dtype}. Check X, d_out and the"
            " weights."
        )
