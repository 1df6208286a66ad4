"""What a network is and gives: parameters, weights, predictions, scores, files. How it learns is in learning.py."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cnn_core.stack import Stack

from . import (
    calibration,
    checks,
    folding,
    optimizers,
    persistence,
    samples,
    standardization,
    summary,
    targets,
    training,
)
from ._version import __version__
from .activations import for_core
from .arrays import Array
from .calibration import Calibration
from .configuration import Configuration
from .errors import NotFittedError
from .initializers import Pair
from .layers import Dense, check_weights, draw_weights
from .samples import Samples
from .standardization import Statistics
from .targets import Targets
from .training import Trainer

if TYPE_CHECKING:
    from typing import Self

    from cnn_core.layers import Layers

    from .diagnosis import Diagnosis
    from .optimizers import Optimizer
    from .preprocessing import Tabular

_LOGITS, _LINKED, _BOTH_CLASSES = range(3)  # the outputs that Stack.try_forward tells apart


class Model:
    """A stack of layers with a loss: its weights, if it has them, and what follows from them.

    Parameters
    ----------
    configuration : Configuration
    n_threads : int, optional
        Threads of its own; None follows :func:`set_num_threads`.

    Raises
    ------
    TypeError, ValueError
        When `n_threads` is of the wrong type or below 1.
    """

    def __init__(self, configuration: Configuration, n_threads: int | None = None) -> None:
        self._configuration = configuration
        self._scale = 1.0 if configuration.standardize else configuration.input_scale
        self._probabilities: int | None = None
        if configuration.loss.classifies and not configuration.loss.ordered:
            self._probabilities = _LINKED if configuration.n_outputs > 1 else _BOTH_CLASSES
        self.n_threads = checks.optional_integer("Network", "n_threads", n_threads, minimum=1)
        self.history = training.new_history()
        self._trainer: Trainer | None = None
        # The trainer's stack, or a copy of it that scales within its first and last layer; None: not asked for yet.
        self._predictor: Layers | None = None
        self._direct: Layers | None = None  # the same, where X needs no encoding
        self._calibration = calibration.NOTHING
        self._targets: Targets | None = None
        self._encoder: Tabular | None = None
        self._initial: list[Pair] | None = None  # given by set_weights; None: drawn by the layers

    # ---- what it is

    @property
    def layers(self) -> tuple[Dense, ...]:
        """The layers."""
        return self._configuration.layers

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer. It may be assigned: a new learning rate goes on with the old momenta."""
        return self._configuration.optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer | str) -> None:
        self._configuration = replace(self._configuration, optimizer=optimizers.resolve(optimizer))

    @property
    def classes_(self) -> Array:
        """Sorted labels (n_classes,); 0, 1, ... before any y was seen."""
        classes = self._known_targets().classes
        if classes is None:
            raise AttributeError(f"The loss {self._configuration.loss.name} has no classes.")
        return classes

    @property
    def n_features_(self) -> int:
        """Columns of X."""
        n_inputs = self._fitted().sizes[0]
        return n_inputs if self._encoder is None else self._encoder.n_features_in_

    @property
    def encoder_(self) -> Tabular:
        """What turns a table into numbers."""
        self._fitted()
        if self._encoder is None:
            raise AttributeError("The network has learned no encoder: see categorical_features.")
        return self._encoder

    @property
    def mean_(self) -> Array:
        """Means of the columns (n_features,), or what else they are centred by."""
        return self._statistics().mean

    @property
    def scale_(self) -> Array:
        """Standard deviations of the columns (n_features,), or what else they are scaled by."""
        return self._statistics().scale

    @property
    def target_mean_(self) -> Array:
        """Means of the outputs in y (n_outputs,)."""
        return self._target_scaling().mean

    @property
    def target_scale_(self) -> Array:
        """Standard deviations of the outputs in y (n_outputs,)."""
        return self._target_scaling().scale

    @property
    def norms_(self) -> list[training.Norm | None]:
        """What normalised layers have besides their weights."""
        return training.norms(self._evaluated())

    @property
    def n_parameters(self) -> int:
        """Weights and biases that training moves."""
        stack, first = self._fitted(), self.layers[0]
        return stack.n_parameters - stack.sizes[0] * first.units + first.n_weights(stack.sizes[0])

    @property
    def embeddings_(self) -> dict[int | str, Array]:
        """Vectors (categories, width) of each embedded column: copies."""
        if self._encoder is None or not self.layers[0].blocks:
            raise AttributeError("The network has learned no embeddings: see the parameter of this name.")
        from . import embeddings  # few networks have any

        return embeddings.tables(self.layers[0], self.get_weights()[0][0], self._encoder)

    @property
    def activations(self) -> list[str]:
        """Activation of every layer, the last one being the link of the loss."""
        return self._configuration.activation_names

    def summary(self) -> str:
        """Return a table of the layers: inputs, units, activation, parameters."""
        n_features = None if self._trainer is None else self._fitted().sizes[0]
        return summary.table(self.layers, self.activations, n_features)

    # ---- prediction

    def predict(self, X: Any) -> Array:
        """Return the label of each row, or its values.

        Parameters
        ----------
        X : array-like (m, k), or images (m, height, width[, channels])

        Returns
        -------
        ndarray (m,), or (m, n_outputs)
            Labels in the dtype of ``classes_``: the most probable one, and with one sigmoid output
            ``classes_[1]`` from a probability of 0.5 on; for "ordinal" the median class. A 0/1 matrix when y was
            one. For losses of values these, in the network's dtype, (m,) for one column: means for "gaussian_nll",
            for "quantile" a column each, in order.

        Raises
        ------
        NotFittedError
            Before the network has weights; so do all methods below.
        TypeError, ValueError
            When X cannot be used.
        """
        return self._known_targets().decode(self._forward(X))

    def predict_proba(self, X: Any, *, out: Array | None = None) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like (m, k)
        out : ndarray (m, n_classes), optional
            Where to write: C-contiguous, of the network's dtype. Nothing is then allocated for an X that the
            core reads as it is.

        Returns
        -------
        ndarray (m, n_classes) of the network's dtype
            `out`, or a new array. Two columns for one sigmoid output. Several sigmoid outputs are
            independent: their rows need not sum to 1.

        Raises
        ------
        ValueError
            For a network that predicts values, or an `out` of another shape, dtype or layout.
        """
        if self._direct is not None and self._probabilities is not None:
            # As few steps as there can be: for one row they would cost more than the network.
            outputs = self._direct.try_forward(X, out, self._probabilities, self._scale, self.n_threads)
            if outputs is not None:
                return outputs
        if self._probabilities is not None:
            return self._forward(X, self._probabilities, out)
        loss = self._configuration.loss
        if not loss.classifies:
            raise ValueError(f"predict_proba is for classes; the loss {loss.name} has none.")
        probabilities = loss.probabilities(self._forward(X))
        if out is None:
            return probabilities
        if out.shape != probabilities.shape:
            raise ValueError(f"out has shape {out.shape}; it must be {probabilities.shape}.")
        out[...] = probabilities
        return out

    def predict_distribution(self, X: Any) -> tuple[Array, Array]:
        """Return mean and standard deviation of each row's normal distribution, for the loss "gaussian_nll".

        Parameters
        ----------
        X : array-like (m, k)

        Returns
        -------
        mean, std : ndarray (m,), or (m, n) for a y of n columns

        Raises
        ------
        ValueError
            For another loss.
        """
        loss = self._configuration.loss
        outputs = self._forward(X)
        mean, std = loss.values(outputs), loss.deviations(outputs)
        if std is None:
            raise ValueError(f"predict_distribution is for gaussian_nll; the loss is {loss.name}.")
        return (mean[:, 0], std[:, 0]) if mean.shape[1] == 1 else (mean, std)

    def decision_function(self, X: Any) -> Array:
        """Return the outputs before the link for X (m, k): logits (m, n_outputs), (m,) for one output.

        After :meth:`calibrate` they are divided by the temperature, so that the link makes probabilities of them.
        """
        logits = self._forward(X, _LOGITS)
        return logits[:, 0] if logits.shape[1] == 1 else logits

    def _forward(self, X: Any, output: int = _LINKED, out: Array | None = None) -> Array:
        predictor = self._predicting()
        outputs = None
        if self._direct is not None:
            outputs = self._direct.try_forward(X, out, output, self._scale, self.n_threads)
        if outputs is None:  # X is to be converted, or complained of
            dtype = self._configuration.dtype
            X = samples.read(X, dtype=dtype, n_features=self._fitted().sizes[0], encoder=self._encoder)
            outputs = predictor.try_forward(X, out, output, self._scale, self.n_threads)
            if outputs is None:
                how = "standardised" if self._configuration.standardize else f"scaled by {self._scale:g}"
                raise ValueError(f"X is beyond the range of {dtype} once {how}.")
        return outputs

    # ---- scores, gradients, diagnosis

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on the samples X (m, k) and targets y, as given to fit, each counting its weight (m,).

        For values R^2; for the loss "quantile" D^2, the share of the pinball loss that is saved against constants.
        """
        X, y, known = self._labelled(X, y, scaled=False)
        weights = targets.weights_of(known, y, sample_weight)
        outputs = self._predicting().forward(X, scale=self._scale, n_threads=self.n_threads)
        return known.score(y, outputs, weights)

    def loss(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the mean loss on the samples X (m, k) and targets y, each counting its weight (m,).

        Without the penalty, and with labels as they are where training smooths them.
        """
        X, y, known = self._labelled(X, y, scaled=False)
        weights = targets.weights_of(known, y, sample_weight)
        stack = self._evaluated()
        if known.scaling is not None:
            *below, last = stack.views()
            statistics = stack.statistics
            norms = training.norms(stack)
            stack = self._new_stack([*below, folding.unscaled(last, known.scaling)], norms)
            if statistics is not None:
                stack.standardize(*statistics)
        return stack.loss(X, y, weights=weights, **self._terms(smoothed=False))[0]

    def gradients(self, X: Any, y: Any, sample_weight: Any = None) -> list[Pair]:
        """Return the gradients of mean loss plus penalty on X (m, k) and y, in the form of the weights.

        Each sample counts its weight (m,). With ``standardize`` and ``scale_targets`` they are with respect to the
        weights of the scaled columns and outputs.
        """
        X, y, known = self._labelled(X, y)
        stack = self._evaluated()
        stack.gradient(X, y, weights=targets.weights_of(known, y, sample_weight), **self._terms())
        return training.copies(stack.views(stack.gradients))

    def diagnose(self, X: Any, y: Any = None) -> Diagnosis:
        """Look for what keeps the network from learning, or has kept it, and name a remedy for each finding.

        Before fit it looks at the weights that fit would start from on this X; with ``seed=None`` at others of the
        kind. The network is not changed. The findings, from the input to the output:

        - "unscaled_input": a column, as the first layer takes it, has a root mean square above 10, or all are below
          0.01. Sums of such inputs saturate units, and the first layer learns at another speed than the others.
        - "dead_layer": a relu layer is 0 for every row; "dead_units": half of its units or more are.
        - "saturated_units": nine tenths of the derivatives of a sigmoid or tanh layer or more are below a thousandth of
          their maximum.
        - "vanishing_signal": outputs before the link vary less than a thousandth of what the inputs vary.
        - "exploding_rate": with y, the next step is larger than the weights it changes; or the loss of the last epoch
          is above that of the first.
        - "class_collapse": after training, every row is predicted to be of one class.

        Parameters
        ----------
        X : array-like (m, k)
            As for :meth:`fit`; some hundred rows suffice, and of more than 4096 so many are drawn.
        y : array-like, optional
            As for :meth:`fit`.

        Returns
        -------
        Diagnosis
            A tuple of findings with ``name``, ``layer``, ``numbers``, ``text`` and ``remedy``; it prints as a table.
            Empty for a healthy network.

        Raises
        ------
        TypeError, ValueError
            When X or y cannot be used.
        """
        from . import diagnosis

        c, trained = self._configuration, self._targets is not None
        n_features = self._n_features(self._trainer is not None)
        known, encoded = self._targets, None
        encoder = self._encoder_for(X, self._trainer is not None)
        if y is None:
            X = samples.read(X, dtype=c.dtype, n_features=n_features, encoder=encoder)
        else:
            X, encoded, known = targets.prepare(c, X, y, n_features, known, encoder=encoder)
        stack = self._examined(X, encoder)
        return diagnosis.examine(
            diagnosis.Subject(stack, c, X, encoded, known, trained, self.history, self._terms())
        )

    def _examined(self, X: Samples, encoder: Tabular | None) -> Stack:
        """Return what diagnose looks at: a stack as training on X would start with it, or go on."""
        stack = (self._trainer or self._drawn(X, encoder)).stack
        if self._lacks_statistics(stack):
            stack = self._new_stack(
                stack.views(), training.norms(stack), self._configuration.embedded(encoder)
            )
            stack.standardize(*self._measured(X, encoder))
        return stack

    def _labelled(self, X: Any, y: Any, scaled: bool = True) -> tuple[Samples, Array, Targets]:
        known = self._known_targets()
        return targets.prepare(
            self._configuration, X, y, self._fitted().sizes[0], known, scaled, self._encoder
        )

    def _terms(self, *, smoothed: bool = True) -> dict[str, Any]:
        """Return what the core minimises, in its own words; or what is reported of other data than it trains on."""
        c = self._configuration
        return {
            "loss": c.loss.core if smoothed else c.loss.unsmoothed.core,
            "l1": c.l1,
            "l2": c.l2,
            "scale": self._scale,
            "n_threads": self.n_threads,
        }

    # ---- weights

    def get_weights(self) -> list[Pair]:
        """Return copies of the weights, [(W (inputs, units), b (units,) or None), ...], one pair a layer.

        With ``standardize`` those of the first layer are for scaled columns: ``(X - mean_) / scale_``. With
        ``scale_targets`` those of the last give ``(y - target_mean_) / target_scale_``.
        """
        return training.copies(self._evaluated().views())

    def set_weights(self, weights: Sequence[tuple[Any, Any]]) -> None:
        """Set all weights, also as those that fit starts from; optimizer momenta become zero.

        With ``standardize`` the first layer's are for standardised columns. Before fit has learned how to standardise,
        or after another number of columns, X goes in as it is.

        Parameters
        ----------
        weights : list of (W (inputs, units), b (units,) or None)
            As :meth:`get_weights` returns them; they are copied. The number of columns of X may be new.

        Raises
        ------
        TypeError, ValueError
            When they do not fit the layers; the network is then as before.
        """
        pairs = check_weights(self.layers, weights, self._configuration.dtype)
        trainer = self._trainer
        if trainer is None or trainer.stack.sizes[0] != len(pairs[0][0]):
            self._trainer = Trainer(self._new_stack(pairs), self._configuration.seed)
        else:
            training.assign(trainer.stack.views(), pairs)
            self._hold(trainer.stack, self.layers[0])
            trainer.forget_momenta()
        self._initial = pairs
        self._settle()

    def _drawn(self, X: Samples, encoder: Tabular | None) -> Trainer:
        """Return a trainer of the initial weights, for the columns of X, which it does not standardise yet."""
        configuration = self._configuration.embedded(encoder)
        rng = training.generator(configuration.seed)
        weights = self._initial or draw_weights(configuration.layers, rng, X.shape[1])
        return Trainer(self._new_stack(weights, configuration=configuration), configuration.seed, rng)

    def _lacks_statistics(self, stack: Stack) -> bool:
        """Whether a stack has yet to learn how to standardise."""
        return self._configuration.scaling is not None and stack.statistics is None

    def _measured(self, X: Samples, encoder: Tabular | None, rows: Array | None = None) -> Statistics:
        method = self._configuration.scaling or "standard"
        if encoder is None:
            return standardization.measure(X, method, rows=rows)
        return encoder.statistics(X, method, rows)

    def _encoder_for(self, X: Any, resume: bool) -> Tabular | None:
        """Return what makes numbers of X: the present encoder, or one that has learned from X; None without need."""
        if self._configuration.categorical_features is None or (resume and self._encoder is not None):
            return self._encoder
        return self._new_encoder().fit(X)

    def _new_encoder(self) -> Tabular:
        from .preprocessing import Tabular  # few networks encode tables

        features = self._configuration.categorical_features
        return Tabular("auto" if features is None else features, self._configuration.min_frequency)

    def _new_stack(
        self,
        weights: list[Pair],
        norms: list[training.Norm | None] | None = None,
        configuration: Configuration | None = None,
    ) -> Stack:
        configuration = configuration or self._configuration
        layers = configuration.layers
        sizes = (len(weights[0][0]), *(layer.units for layer in layers))
        biases = [layer.bias for layer in layers]
        biases[-1] |= weights[-1][1] is not None
        stack = Stack(
            sizes,
            [*map(for_core, configuration.activations)],
            biases,
            configuration.dtype,
            norms=[layer.norm for layer in layers],
            residuals=[layer.residual for layer in layers],
        )
        stack.set_update(**configuration.update)
        training.assign(stack.views(), weights)
        self._hold(stack, layers[0])
        if norms is not None:
            training.assign_norms(stack, norms)
        if any(configuration.dropout):
            stack.set_dropout(configuration.dropout, training.dropout_key(configuration.seed))
        return stack

    @staticmethod
    def _hold(stack: Stack, first: Dense) -> None:
        """Let weights of the first layer that are no embeddings be what they are to remain."""
        if first.blocks:
            from . import embeddings  # few networks have any

            stack.set_mask(*embeddings.held(first.blocks, stack.sizes[0]))

    def _settle(self, learned: Calibration = calibration.NOTHING) -> None:
        """Let what predicts have the present weights, and the calibration that was learned for them."""
        self._calibration = learned
        scaling = None if self._targets is None else self._targets.scaling
        self._predictor = folding.folded(
            self._evaluated(), scaling, learned.temperature, embedded=self.layers[0].blocks is not None
        )
        self._direct = self._predictor if self._encoder is None else None

    def _unsettle(self) -> None:
        """Let what predicts follow from the present weights, without calibration, once it is asked for."""
        self._calibration, self._predictor, self._direct = calibration.NOTHING, None, None

    def _n_features(self, resume: bool) -> int | None:
        """Return how many columns training takes, None for any number."""
        if resume:
            return self._fitted().sizes[0]
        return None if self._initial is None else self._initial[0][0].shape[0]

    # ---- files and copies

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a safetensors file, replacing one of that name only when all is on the disk.

        The file holds weights, classes and parameters; neither training state, nor initial weights given as
        arrays, nor a learning rate given as a function. Pickle keeps those.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        NotFittedError
            Before the network has weights.
        OSError
            When the file cannot be written; an older one is then untouched.
        """
        persistence.write(path, self._saved(), __version__)

    def _saved(self) -> persistence.Saved:
        configuration, known = self._configuration, self._targets
        if self._initial is not None:
            configuration = configuration.without_given_weights()
        kind, classes = (None, None) if known is None else (known.kind, known.classes)
        statistics = self._fitted().statistics
        return persistence.Saved(
            configuration,
            self.get_weights(),
            training.norms(self._evaluated()),
            kind,
            classes,
            statistics and Statistics(*statistics),
            None if known is None else known.scaling,
            self._calibration,
            None if self._encoder is None else self._encoder.to_config(),
        )

    @classmethod
    def _restored(cls, saved: persistence.Saved) -> Self:
        configuration = saved.configuration
        net = cls.__new__(cls)
        Model.__init__(net, configuration)
        if saved.kind is not None or saved.classes is not None:
            net._targets = targets.restored(configuration, saved.kind, saved.classes, saved.target_statistics)
        if saved.encoder is not None:
            net._encoder = net._new_encoder().restore(saved.encoder, len(saved.weights[0][0]))
        weights = check_weights(net.layers, saved.weights, configuration.dtype)
        net._trainer = Trainer(net._new_stack(weights, saved.norms), configuration.seed)
        if saved.statistics is not None:
            net._trainer.stack.standardize(*saved.statistics)
        net._settle(saved.calibration)
        return net

    def __getstate__(self) -> dict[str, Any]:
        trainer = self._trainer
        state = None if trainer is None else trainer.state()
        return {**vars(self), "_trainer": state, "_predictor": None, "_direct": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if state["_trainer"] is not None:
            stack = self._new_stack([(W, b) for W, b, _ in state["_trainer"]["parts"]])
            self._trainer = Trainer.restored(stack, state["_trainer"])
            self._settle(state["_calibration"])

    # ---- fitted or not

    def _fitted(self) -> Stack:
        if self._trainer is None:
            raise NotFittedError(
                "This Network instance is not fitted yet. Call 'fit' with appropriate arguments, or"
                " 'set_weights', before using this network."
            )
        return self._trainer.stack

    def _evaluated(self) -> Stack:
        """Return what predicts, is scored and saved: the stack in training, with `ema` a copy with averaged weights."""
        stack = self._fitted()
        if stack.average is None or stack.steps == 0:
            return stack
        copy = self._new_stack(stack.views())
        copy.parameters[:] = stack.average
        for mine, theirs in zip(copy.running_statistics(), stack.running_statistics(), strict=True):
            if mine is not None and theirs is not None:
                mine[0][:], mine[1][:] = theirs
        if stack.statistics is not None:
            copy.standardize(*stack.statistics)
        return copy

    def _predicting(self) -> Layers:
        if self._predictor is None:
            self._fitted()  # says so where there is nothing to predict with
            self._settle(self._calibration)
            assert self._predictor is not None
        return self._predictor

    def _statistics(self) -> Statistics:
        if not self._configuration.standardize:
            raise AttributeError("The network does not standardise: it has standardize=False.")
        statistics = self._fitted().statistics
        if statistics is None:
            raise NotFittedError(
                "The network has weights, but has seen no X to learn how to standardise from."
            )
        return Statistics(*statistics)

    def _target_scaling(self) -> Statistics:
        if not self._configuration.scale_targets:
            raise AttributeError("The network does not scale its targets: it has scale_targets=False.")
        scaling = self._known_targets().scaling
        if scaling is None:
            raise NotFittedError("The network has weights, but has seen no y to learn how to scale from.")
        return scaling

    def _known_targets(self) -> Targets:
        self._fitted()
        configuration = self._configuration
        return self._targets or targets.unlearned(configuration.loss, configuration.n_outputs)
