"""Inspection of a network: summary, diagnosis, outputs of hidden layers, and derivatives with respect to X."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..artefact import refusals
from ..artefact.inputs import Inputs
from ..common import checks
from ..common.exclusive import check_not_quantized
from ..data import arrays
from ..data.arrays import Array
from ..data.samples import Samples, check_lengths
from ..optimizers import registry
from ..spec.initializers import NotSaved
from ..spec.layers import draw_weights
from ..training.stacks import new_stack, states_of
from ..training.targets import read_targets
from ..training.trainer import new_generator
from ..training.weights import layer_views
from .model import Model

if TYPE_CHECKING:
    from cnn_core.stack import Stack

    from ..spec.summary import Summary
    from .diagnosis.findings import Diagnosis, Translation


class Inspection(Model):
    """Methods of a network that help to understand it."""

    def summary(self) -> Summary:
        """Return the sizes of each layer: inputs, units, parameters, operations per row and bytes.

        The summary prints as a table, with columns for norm, dropout, residual and trainable if a layer has them, and
        with the precision of the products if it is narrow.

        Returns
        -------
        Summary
            Table with one ``LayerSummary`` per layer in `layers`, and the totals
            `n_parameters`, `n_trainable`, `flops` and `bytes`. Numbers that depend on the columns of X are None before
            fit, and "?" in the table.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(50, "relu"), cnn.Dense(10)])
        >>> net.fit([[0.0] * 784], [0], classes=range(10), epochs=0).summary()
        layer  inputs  units  activation  parameters  FLOPs   bytes
            0     784     50        relu       39250  78400  157000
            1      50     10     softmax         510   1000    2040
        total                                  39760  79400  159040
        """
        c, stack = self._configuration, None if self._trainer is None else self._trainer.stack
        n_inputs, biases = (None, None) if stack is None else (stack.sizes[0], stack.biases)
        from ..spec.summary import summarize  # imported here to keep `import compiled_nn` fast

        return summarize(
            c.layers, c.activation_names, n_inputs, c.dtype, biases=biases, precision=self.precision_
        )

    def diagnose(self, X: Any, y: Any = None, *, held_out: bool = False) -> Diagnosis:
        """Search for problems that prevent the network from learning, and suggest a remedy for each of them.

        Before fit, the initial weights with which fit would start on this X are examined; with ``seed=None``, those of
        the seed 0. The network is not changed. With y, copies are trained for some hundred steps: a reference network,
        with one hidden layer of 64 relu units on standardised columns, shows what score the columns allow on held-out
        rows, and remedies are tried before they are suggested. A trained network with about this score has learned, and
        has only findings of the last group. The possible findings, in order from the input to the output:

        - "constant_input": all rows are equal. "unscaled_input": the root mean square of a column, as the first layer
          receives it, is above 10, or that of all columns is below 0.01. "unscaled_target": the mean or standard
          deviation of a column of y is above 100, or the deviations are below 0.001.
        - "dead_layer": all units of a relu layer are 0 for every row. "dead_units": at least half of them are.
          "saturated_units": at least 90 % of the derivatives of a sigmoid or tanh layer are below a thousandth of their
          maximum. "vanishing_signal": the outputs before the link vary by less than a thousandth of the variation of
          the inputs, or of y.
        - "strong_decay": in a trial, the score without weight decay is higher by 0.1. "strong_smoothing": label
          smoothing leaves at most 10 % of the difference between labels.
        - "frozen": no layer is trainable. "strong_dropout": at least 90 % of the numbers are dropped.
          "strong_penalty": the penalty is 30 times the loss. "clipped_gradient": clipping makes the first step 100
          times smaller. "exploding_rate": the first step is larger than the weights that it changes, or the loss of the
          last epoch is above that of the first. "small_rate": the first step changes the weights by less than a
          millionth.
        - "class_collapse": after training, the same class is predicted for every row. "running_statistics": the running
          statistics of batch normalisation do not fit the rows.
        - "time_limit": it ended training, and the score is below three quarters of that of the reference.
        - After training, if the score is below three quarters of that of the reference and nothing else is found:
          "slow_average" if the weights of the last step reach that score and their average of ``ema`` does not,
          "few_epochs", one of the previous names if a trial without the parameter reaches that score, or
          "underfitting".
        - "overfitting": the validation loss rises again. "label_noise": of the rows that the reference predicts with
          most confidence, nearly as many have another label as of all rows. "no_information": the reference is no
          better than for y in random order.
        - "no_better_than_baseline", with `held_out`: neither the errors nor the losses are lower, by more than a
          standard error, than those of the largest class or the mean of y, or of a linear model. The latter
          is fitted to three quarters of these rows, and judged on the others.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`fit`. Some hundred rows suffice; at most 4096 are used, drawn at random.
        y : array-like, optional
            Labels or values, as for :meth:`fit`.
        held_out : bool, default False
            Whether the rows were not used to fit, so that the network can be compared with baselines.

        Returns
        -------
        Diagnosis
            Tuple of findings with ``name``, ``layer``, ``numbers``, ``text``, ``remedy``, and the remedy as arguments
            of ``Network`` or ``fit`` in ``change``. It prints as a table, and is empty if no problem was found.

        Raises
        ------
        TypeError, ValueError
            If X or y cannot be used.
        NotFittedError
            If `held_out` is True, and the network has no weights yet.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(50)], [1000.0 * i for i in range(50)]
        >>> net = cnn.Network([cnn.Dense(8, "tanh"), cnn.Dense(1)], loss="mse", seed=0)
        >>> [finding.change for finding in net.diagnose(X, y)]
        [{'standardize': True}, {'scale_targets': True}]
        """
        from .diagnosis import findings  # imported here to keep `import compiled_nn` fast

        check_not_quantized(self, "diagnose", "Network")
        learned = self._outputs.learned is not None
        translation = findings.network_translation(self._configuration)
        return self._diagnosed(X, y, learned, translation, held_out=self._held_out(X) if held_out else None)

    def _held_out(self, X: Any) -> Array:
        """Return the predictions of rows that were not used to fit: probabilities (m, n_classes), or values (m, n)."""
        predictor = self._predicting()
        if self._known_targets().kind != "values":
            return predictor.predict_proba(X)
        values: Array = np.asarray(predictor.predict(X))
        return values.reshape(len(values), -1)

    def _diagnosed(
        self,
        X: Any,
        y: Any,
        trained: bool,
        translation: Translation,
        *,
        uses_rate: bool = True,
        held_out: Array | None = None,
    ) -> Diagnosis:
        """Return the diagnosis, with changes in the arguments that `translation` returns.

        `held_out`: predictions of the rows by a model that was trained on other rows, to compare with baselines.
        """
        from .diagnosis import examination, subject

        targets, encoded, values = self._outputs.learned, None, None
        check_lengths(X, y=y)
        inputs, X = self._inputs_for(X, self._trainer is not None)
        encoder, c = inputs.encoder, self._configuration
        if y is not None:
            encoded, targets = read_targets(c, X, y, targets)
        if self._lacks_bins(inputs):
            learned = None if c.scaling is None else self._fit_statistics(X, encoder)
            inputs = inputs.with_bins(c, X, learned, encoded)
        c = inputs.embedded(c)
        present = None if self._trainer is None else self._trainer.stack.copy()
        averaged = None if present is None or present.average is None else present.present(averaged=True)
        known = not any(isinstance(layer.init, NotSaved) for layer in c.layers)
        initial = self._initial_stack(X, inputs) if known or present is None else present
        stack = initial if present is None else self._with_statistics(averaged or present, X, inputs)
        rows = subject.drawn_rows(X)
        drawn = X[rows] if isinstance(X, np.ndarray) else X.take(rows)
        if targets is not None and targets.kind == "values" and y is not None:
            values = arrays.values(y, n_outputs=c.loss.n_columns(c.n_outputs), dtype="float64")[rows]
        examined = subject.Subject(
            stack=stack,
            initial=initial,
            last=stack if averaged is None or present is None else self._with_statistics(present, X, inputs),
            configuration=c,
            inputs=inputs,
            X=drawn,
            y=None if encoded is None else encoded[rows],
            values=values,
            targets=targets,
            rows=rows,
            trained=trained,
            uses_rate=uses_rate and not isinstance(c.optimizer.learning_rate, registry.NotSaved),
            history=self.history,
            objective=self._objective(),
            statistics=self._fit_statistics(drawn, encoder),
            translation=translation,
        )
        return examination.examine(
            examined,
            restored=getattr(self, "best_epoch_", None) is not None,
            stopped=getattr(self, "stop_reason_", None),
            held_out=None if held_out is None else held_out[rows],
        )

    def _initial_stack(self, X: Samples, inputs: Inputs) -> Stack:
        """Return the stack with which fit would start on X; with the seed 0 for None."""
        c = inputs.embedded(self._configuration)
        rng = new_generator(c.seed or 0)
        states = self._initial or states_of(draw_weights(c.layers, rng, inputs.n_inputs))
        return self._with_statistics(new_stack(c, states), X, inputs)

    def _with_statistics(self, stack: Stack, X: Samples, inputs: Inputs) -> Stack:
        """Return a stack that scales and encodes X if the network does."""
        if self._lacks_statistics(stack) or (inputs.n_bins and stack.encoding is None):
            stack = new_stack(inputs.embedded(self._configuration), layer_views(stack))
            scaled = self._configuration.scaling is not None
            inputs.set_in(stack, self._fit_statistics(X, inputs.encoder) if scaled else None)
        return stack

    def transform(self, X: Any, layer: int = -1) -> Array:
        """Return the output of a hidden layer, as in prediction.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for ``predict``.
        layer : int, default -1
            Index of the hidden layer, from 0; a negative index counts from the last hidden layer.

        Returns
        -------
        ndarray (m, units), in the dtype of the network
            Output after the activation, and after the addition in a residual layer, without dropout.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If there is no such layer, or X cannot be used.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
        >>> features = net.fit(data.X_train, data.y_train, epochs=5).transform(data.X_test)  # of the hidden layer
        >>> features.shape
        (359, 32)
        """
        return self._predicting().hidden(X, layer)

    def input_gradient(self, X: Any, *, output: Any = None) -> Array:
        """Return the derivatives of the outputs with respect to X.

        For classes, they are derivatives of ``decision_function``: of the logits, divided by the temperature of
        ``calibrate``. For values, they are derivatives of ``predict`` in units of y; for the loss "gaussian_nll", of
        the means. They refer to the unscaled X, with its columns in the order of ``feature_names_in_``. Categories and
        dates have no derivative: for a table that is encoded, the derivatives refer to the columns into which
        ``encoder_`` transforms it. ``input_names_`` has the names of the columns of the result in both cases, followed
        with `numeric_embeddings` by those of bins, whose derivatives are included in those of the columns. relu'(0) is
        0, and so is the derivative of a bin at its edges.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for ``predict``.
        output : label or int, optional
            Output whose derivatives are returned: a label of ``classes_``, for its logit (for two classes and one
            output, the logit of the first class is minus that of the second); or the index of an output if a row can
            have several labels, for the loss "ordinal", and for values. Default: all outputs.

        Returns
        -------
        ndarray (m, k), or (m, n_outputs, k)
            Derivatives in the dtype of the network; for values, in the dtype of :meth:`predict`. They are dense also
            for a sparse X; k is the number of columns of X, or of the encoded X. The first shape is that for one
            `output`, or for a network with one output.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If there is no such output, or X cannot be used.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31, 48, 25, 60], "city": ["Ulm", "Bonn", "Ulm", "Bonn"]}
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", categorical_features="auto", seed=0)
        >>> net = net.fit(X, [1.0, 2.0, 1.0, 3.0], epochs=1)
        >>> net.input_gradient(X).shape, net.input_names_.tolist()
        ((4, 3), ['age', 'city_Bonn', 'city_Ulm'])
        """
        check_not_quantized(self, "input_gradient", self._owner)
        self._check_calibration()
        X, stack, loss = self._known_inputs().read(X), self._evaluated(), self._configuration.loss
        options: dict[str, Any] = {"scale": self._configuration.scale, "n_threads": self._n_threads}
        if loss.classifies:
            sources = np.arange(stack.sizes[-1])[np.newaxis]
            units = np.full(sources.shape[1], 1 / self._outputs.calibration.temperature)
        else:
            sources = loss.sources(stack.forward(X, **options))
            units = np.ones(sources.shape[1])
        if output is not None:
            chosen, sign = self._output(output, sources.shape[1])
            sources, units = sources[:, [chosen]], sign * units[[chosen]]
        gradients = np.empty((len(X), len(units), X.shape[1]), stack.dtype)
        for j, unit in enumerate(units):
            shares = np.zeros((len(X), stack.sizes[-1]), stack.dtype)
            shares[np.arange(len(X)), sources[:, j]] = unit
            stack.input_gradient(X, shares, gradients[:, j], link=not loss.classifies, **options)
        if not loss.classifies:
            gradients = self._in_units(gradients, sources)
        refusals.check_rows(gradients.reshape(len(gradients), -1), "the derivatives")
        return gradients[:, 0] if len(units) == 1 else gradients

    def _in_units(self, gradients: Array, sources: Array) -> Array:
        """Return derivatives (m, n, k) of the outputs `sources` in units of y, and in the dtype of predictions."""
        dtype, scaling = self._outputs.dtype or gradients.dtype, self._outputs.scaling
        if scaling is not None:
            factor, _ = self._configuration.loss.in_units(*scaling)
            gradients = gradients * factor[sources][:, :, np.newaxis]
        with np.errstate(over="ignore"):
            return gradients.astype(dtype, copy=False)

    def _output(self, output: Any, n: int) -> tuple[int, float]:
        """Return the index of the output that `output` selects out of `n`, and the sign of its derivatives."""
        targets = self._known_targets()
        if targets.kind == "classes" and targets.loss.name != "ordinal":
            labels = self.classes_.tolist()
            if output not in labels:
                raise ValueError(f"output is {output!r}; expected one of the classes {labels}.")
            index = labels.index(output)
            return (index, 1.0) if n > 1 else (0, 2.0 * index - 1)
        return checks.place("output", output, n, "output"), 1.0
