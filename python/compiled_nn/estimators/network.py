"""The network of an estimator: a Network with initial weights, row order and penalty set by the estimator."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import RandomState

from ..artefact.inputs import Inputs
from ..artefact.outputs import Outputs
from ..common.exclusive import check_change, may_change
from ..data import arrays
from ..data.arrays import Array
from ..losses import Loss
from ..network.network import Network
from ..optimizers.base import Optimizer
from ..spec.layers import Dense
from ..training.stacks import new_stack, states_of
from ..training.targets import Targets
from ..training.trainer import Trainer
from ..training.weights import copy_layers, dropout_key, layer_views
from ..uncertainty.calibration import NOTHING
from .random_draws import RowOrder, draw_dropout_seed, draw_weights

if TYPE_CHECKING:
    from typing import Self

    from cnn_core.stack import Objective

    from ..artefact.parts import Parts
    from ..artefact.predictor import Predictor
    from ..artefact.seen import Seen
    from ..common.protocols import History
    from ..files.places import Writable
    from ..preprocessing.piecewise_linear import Bins
    from ..preprocessing.tabular import Tabular
    from ..spec.configuration import Configuration
    from ..spec.initializers import Pair
    from ..training.validation import Validation
    from ..uncertainty.calibration import Calibration
    from .initial_weights import InitialWeights


# Parameters of an estimator that do not change what a call of fit computes, or that are compared elsewhere.
_NOT_COMPARED = ("n_threads", "on_interrupt", "time_limit", "verbose", "warm_start")


class EstimatorNetwork(Network):
    """A :class:`Network` with given initial weights, order of rows and validation split.

    Its penalty is divided by the rows of a batch, as in scikit-learn: ``(l2 / 2 * sum(W**2) + l1 * sum(abs(W))) / n``
    for n rows, where `l2` is scikit-learn's `alpha`. With sample weights n is their sum.

    Parameters
    ----------
    layers, **parameters
        Parameters of :class:`Network`.
    n_inputs : int
        Number of inputs of the first layer.
    initial : InitialWeights
        Initial weights and biases given by the user.
    targets : Targets
        Classes or number of columns of y.
    encoder : Tabular or None
        Encoder fitted on X; None where X is numeric.
    names : tuple of str, or None
        Names of the columns of X.
    shape : tuple of int, or None
        Shape of one image; None if X does not have images.
    random : RandomState
        Generator of the initial weights and of the row order.
    bins : Bins or None, default None
        Bins of the columns of numbers, if they are known before training begins.
    seen : Seen or None, default None
        Summary of the training rows, to which rows are added. Default: a new one, without any rows.
    """

    describe: Callable[[], tuple[dict[str, Array], dict[str, Any]]] | None = (
        None  # of the estimator, during fit
    )
    applied: tuple[Any, ...] | None = (
        None  # values of the estimator's parameters, if they cannot change in place
    )
    _lent: weakref.ref[Array] | None = None  # alias of the weights, if a caller has views of it
    # Generator and given values of the initial weights, until these are drawn: at once, or once bins are learned.
    _start: tuple[RandomState, InitialWeights] | None = None
    _last_validation: Validation | None = None  # validation rows of the running call of fit
    _calibrated: Array | None = None  # copy of the weights of the calibration, if a caller could change them

    def __init__(
        self,
        layers: Sequence[Dense],
        *,
        n_inputs: int,
        initial: InitialWeights,
        targets: Targets,
        encoder: Tabular | None,
        names: tuple[str, ...] | None,
        shape: tuple[int, ...] | None,
        random: RandomState,
        bins: Bins | None = None,
        seen: Seen | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(layers, **parameters)
        self._order = RowOrder(random)
        self._start = random, initial
        inputs = Inputs.of(self._configuration, n_inputs, encoder, names=names, shape=shape, bins=bins)
        self._inputs = inputs.replace(seen=seen or inputs.new_seen())
        self._trainer = self._drawn(self._inputs)
        self._outputs = Outputs.of(self._configuration, targets)
        self._split: tuple[Array, Array] | None = None

    def _drawn(self, inputs: Inputs) -> Trainer:
        """Return a trainer with the initial weights; without them, those of 0, as long as bins are to be learned."""
        c = inputs.embedded(self._configuration)
        if self._lacks_bins(inputs):
            sizes = [inputs.n_inputs, *(layer.units for layer in c.layers)]
            weights: list[Pair] = [(np.zeros(shape), None) for shape in itertools.pairwise(sizes)]
        else:
            assert self._start is not None  # the bins are learned once, when training begins
            random, initial = self._start
            weights = initial.replace(draw_weights(c.layers, random, inputs.n_inputs), c)
            c = c.replace(seed=draw_dropout_seed(random, c.layers, c.input_dropout))
            self._start = None
        self._configuration = c
        # A trainer with initial weights calls only `permutation` of its generator, so RowOrder can take that place.
        return Trainer(new_stack(c, states_of(weights)), None, self._order)  # type: ignore[arg-type]

    def prepare_fit(
        self, random: RandomState, l1: float, l2: float, split: tuple[Array, Array] | None = None
    ) -> None:
        """Set row order, penalties and validation split of the next fit.

        Parameters
        ----------
        random : RandomState
            Generator of the row order.
        l1, l2 : float
            Penalties, at least 0.
        split : (rows, validation rows) or None
            Row numbers to train on, in their initial order, and row numbers to validate on; None without such a split.
        """
        check_change(self, "another call of fit or partial_fit", "Network")
        self._order.reset(random)
        self._split = split
        self._configuration = self._configuration.replace(l1=l1, l2=l2)

    def skip_orders(self, n_rows: int, epochs: int) -> None:
        """Advance the generator by the row orders of some epochs with `n_rows` rows."""
        self._order.skip(n_rows, epochs)

    def reset_optimizer(self, optimizer: Optimizer) -> None:
        """Set the optimizer, with moments of zero; averaged weights become those of the last epoch again."""
        check_change(self, "another call of fit or partial_fit", "Network")
        trainer = self._known_trainer()
        trainer.restore_weights(averages=False)
        self.optimizer = optimizer
        trainer.forget_moments()

    def apply(self, configuration: Configuration, n_threads: int | None, random: RandomState) -> None:
        """Set the parameters of the following training: loss, dropout, clipping, averages, factors of rates.

        Parameters
        ----------
        configuration : Configuration
            Configuration of the same layers, with the new parameters.
        n_threads : int or None
            Number of threads.
        random : RandomState
            Generator of the seed of dropout, if there was none before.
        """
        check_change(self, "another call of fit or partial_fit", "Network")
        old, stack = self._configuration, self._fitted()
        self._n_threads = n_threads
        if configuration == old:
            return
        if configuration.dropout != old.dropout:
            key = stack.dropout_key if any(old.dropout) else dropout_key(int(random.randint(1 << 31)))
            stack.set_dropout(configuration.dropout, key)
        if configuration.update != old.update:
            stack.set_update(**configuration.update)
            if stack.average is not None:
                with stack.changing():
                    stack.average[:] = stack.parameters
        learned = self._known_targets().replace(loss=configuration.loss)
        self._outputs = self._outputs.replace(loss=configuration.loss, learned=learned)
        self._configuration = configuration
        self._weights_changed()

    @property
    def parameters(self) -> Array:
        """Weights and biases as one flat vector, in the layout of the core; assignment copies."""
        return self._fitted().parameters

    @parameters.setter
    def parameters(self, parameters: Array) -> None:
        check_change(self, "the assignment of parameters", "Network")
        self._discard_predictor()
        stack = self._fitted()
        with stack.changing():
            stack.parameters[:] = parameters
        self._weights_changed()

    def weight_views(self, name: str) -> list[Array]:
        """Return views of the "coefs_" or "intercepts_" of each layer, as they are used to predict.

        They are read-only if a write could not be seen by further training, because the weights are averages, or
        because they are a copy during training, or if the network is quantised; and so are the zeros for layers without
        biases.
        """
        trainer = self._known_trainer()
        stack = trainer.stack
        is_averaged = trainer.average is not None or (stack.average is not None and stack.steps > 0)
        if not is_averaged and may_change(self) and not self._is_quantized:
            self._discard_predictor()  # the caller may write into the views
            self._check_calibration()
            if self._calibrated is None and self._outputs.calibration is not NOTHING:
                self._calibrated = stack.parameters.copy()
            views = stack.views(self._lend(stack.parameters))
        else:
            views = self._evaluated().views()
            for array in itertools.chain.from_iterable(views):
                if array is not None:
                    array.flags.writeable = False
        if name == "coefs_":
            return [W for W, _ in views]
        return [_no_biases(W) if b is None else b for W, b in views]

    def _set_calibration(self, calibration: Calibration) -> None:
        super()._set_calibration(calibration)
        is_lent = self._lent is not None and self._lent() is not None
        self._calibrated = self._fitted().parameters.copy() if is_lent else None

    def _compare_held_out(self, held_out: Validation | None) -> None:
        self._last_validation = held_out  # the estimator may restore other weights

    def report_precision(self, *, completed: bool) -> None:
        """Compare the precision with float32 on the validation rows of a call of fit that has been completed."""
        held_out, self._last_validation = self._last_validation, None
        super()._compare_held_out(held_out if completed else None)

    def _weights_changed(self) -> None:
        super()._weights_changed()
        self._calibrated = None

    def _check_calibration(self) -> None:
        """Discard the calibration if the weights that it belongs to were changed through a view."""
        before = self._calibrated
        if before is not None and before.tobytes() != self._fitted().parameters.tobytes():
            self._weights_changed()

    def _lend(self, parameters: Array) -> Array:
        """Return an alias of the parameters, which exists as long as a view of it, or a view of that, does."""
        alias = None if self._lent is None else self._lent()
        if alias is None or not np.may_share_memory(alias, parameters):
            alias = np.frombuffer(parameters.data, parameters.dtype)
            self._lent = weakref.ref(alias)
        return alias

    def _can_change(self, predictor: Predictor) -> bool:
        """Return whether a caller has views of the weights that the predictor has copies of."""
        if self._lent is not None and self._lent() is None:
            self._lent = None
        present = self._fitted().parameters
        has_copies = not np.may_share_memory(predictor.layers.parameters, present)
        return super()._can_change(predictor) or (self._lent is not None and has_copies)

    def assign_weights(self, name: str, values: Mapping[int, Any]) -> None:
        """Copy "coefs_" or "intercepts_" into the network; the moments of the optimizer are kept.

        Raises
        ------
        TypeError, ValueError
            If an array does not match its layer. The network is then unchanged.
        """
        states = copy_layers(layer_views(self._evaluated()))
        part = "weight" if name == "coefs_" else "bias"
        for i, value in values.items():
            shape = states[i]["weight"].shape
            shape = shape if part == "weight" else shape[1:]
            array = arrays.weights(value, f"{name}[{i}]", dtype=self.dtype, ndim=len(shape))
            if array.shape != shape:
                raise ValueError(f"{name}[{i}] has shape {array.shape}; the layer has {shape}.")
            if part in states[i]:
                states[i][part] = array
            elif array.any():
                raise ValueError(
                    f"{name}[{i}] must be zeros, because the layer has no biases (use_bias=False)."
                )
        self.restore({"layers": states})

    @property
    def inputs(self) -> Inputs:
        """Description of the inputs."""
        assert self._inputs is not None  # the constructor sets weights
        return self._inputs

    @property
    def loss_function(self) -> Loss:
        """Loss that training minimises."""
        return self._configuration.loss

    @property
    def dtype(self) -> str:
        """Dtype of weights and arithmetic."""
        return self._configuration.dtype

    def _objective(self, *, smoothed: bool = True) -> Objective:
        return super()._objective(smoothed=smoothed).replace(penalty_per_row=True)

    def _split_rows(self, y: Array, known: Targets, fraction: float, groups: Any) -> tuple[Array, Array]:
        assert self._split is not None
        rows, held_out = self._split
        return held_out, rows

    @classmethod
    def _of_parts(cls, parts: Parts) -> Self:
        net = super()._of_parts(parts)
        net._order, net._split = RowOrder(RandomState()), None
        net._trainer = Trainer(net._fitted(), None, net._order)  # type: ignore[arg-type]
        return net

    def __getstate__(self) -> dict[str, Any]:
        return {
            **super().__getstate__(),
            "_lent": None,
            "_calibrated": None,
            "_last_validation": None,
            "_start": None,
            "describe": None,
        }

    def resume(self, state: dict[str, Any], history: History) -> None:
        """Set the state of training and the history of a checkpoint."""
        self._trainer = Trainer.restored(self._fitted(), state | {"rng": self._order})
        self.history = history

    def save_checkpoint(self, path: Writable) -> None:
        """Write a checkpoint of the estimator while it is in training; see :class:`compiled_nn.callbacks.Checkpoint`.

        Raises
        ------
        ValueError
            If the network is not in training, or a parameter of the estimator is invalid.
        TypeError
            If a parameter of the estimator is an object that JSON cannot represent.
        """
        super().save_checkpoint(path)

    def _checkpoint_content(self) -> tuple[dict[str, Array], dict[str, Any]]:
        self._check_checkpoint()
        if self.describe is None:
            raise ValueError(
                "The network of an estimator writes checkpoints only during fit. After fit, use save of the estimator."
            )
        from ..files import network_file  # imported here to keep `import compiled_nn` fast

        curves, document = self.describe()
        tensors, documents = super()._checkpoint_content()
        return tensors | curves, documents | {network_file.ESTIMATOR: document}

    # ---- continued calls of fit

    def _run_parameters(self) -> dict[str, Any]:
        assert self.describe is not None  # fit is running
        document = self.describe()[1]
        given = {name: each for name, each in document["parameters"].items() if name not in _NOT_COMPARED}
        return {"estimator": document["estimator"], **given}

    def _has_seed(self) -> bool:
        return True  # the validation rows are drawn by the estimator

    def _row_order(self) -> RowOrder:
        return self._order


def _no_biases(W: Array) -> Array:
    """Return the read-only zeros that stand for the biases of a layer without them."""
    zeros = np.zeros(W.shape[1], W.dtype)
    zeros.flags.writeable = False
    return zeros
