"""Base class of a network: configuration, weights, fitted attributes, and the predictor made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import optimizers
from ..artefact.inputs import Inputs
from ..artefact.predictor import Predictor
from ..common.errors import NotFittedError, count
from ..common.exclusive import check_change, check_kept, switching, training_of
from ..data.arrays import Array
from ..data.samples import Samples
from ..spec.configuration import PARAMETERS, Configuration
from ..spec.layers import Dense, draw_weights
from ..training.stacks import new_objective, new_stack, states_of
from ..training.trainer import Trainer, new_generator
from ..training.weights import LayerState, copy_layers, layer_views
from ..uncertainty.calibration import NOTHING
from .narrowing import Narrowing

if TYPE_CHECKING:
    import weakref
    from typing import Self

    from cnn_core.stack import Objective, Stack

    from ..artefact.narrowing import PredictionPrecision, Ranges
    from ..optimizers import OptimizerName
    from ..optimizers.base import Optimizer


_FIXED = frozenset({"layers", "loss", *PARAMETERS} - {"optimizer"})  # parameters that cannot be assigned


class Model(Narrowing):
    """Configuration of a network, its trainer if it has weights, and its current predictor.

    Parameters
    ----------
    configuration : Configuration
        Checked parameters of the network.
    n_threads : int, optional
        Number of threads of this network; None follows :func:`set_num_threads`.

    Raises
    ------
    TypeError, ValueError
        If `n_threads` is not an int of at least 1.
    """

    best_epoch_: int | None
    _ranges: tuple[Ranges, ...] = ()  # ranges of the inputs of the layers, if the network is quantised
    _lent_weights: weakref.ref[Array] | None = (
        None  # vector whose owner may change the weights in their memory
    )

    def __init__(self, configuration: Configuration, n_threads: int | None = None) -> None:
        super().__init__(configuration, n_threads)
        self._trainer: Trainer | None = None
        self._initial: list[LayerState] | None = (
            None  # set by set_weights; None: fit draws the initial weights
        )

    @classmethod
    def _of_configuration(cls, configuration: Configuration, n_threads: int | None = None) -> Self:
        """Return a model with a checked configuration, without weights."""
        model = cls.__new__(cls)
        Model.__init__(model, configuration, n_threads)
        return model

    # ---- parameters and fitted attributes

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED:
            raise AttributeError(
                f"'{name}' is a parameter of the constructor and cannot be assigned. Create another network, such as"
                f" Network(..., {name}=...); optimizer and n_threads can be assigned."
            )
        object.__setattr__(self, name, value)

    @property
    def layers(self) -> tuple[Dense, ...]:
        """Layers, from the first hidden layer to the output."""
        return self._configuration.layers

    @property
    def optimizer(self) -> Optimizer:
        """Optimizer. It can be assigned; if only the learning rate differs, the moments are kept.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[0.0], [1.0]], [0.0, 1.0]
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer=cnn.SGD(0.1), seed=0).fit(X, y, epochs=2)
        >>> net.optimizer = cnn.SGD(0.01)
        >>> net.fit(X, y, epochs=2, warm_start=True).history["learning_rate"]
        [0.1, 0.1, 0.01, 0.01]
        """
        return self._configuration.optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer | OptimizerName) -> None:
        check_change(self, "the assignment of optimizer", "Network")
        new, old = optimizers.resolve(optimizer), self.optimizer
        is_kept = (new.name == "lbfgs") == (old.name == "lbfgs")  # LBFGS is trained by another loop
        check_kept(self, is_kept, f"the change of the optimizer from {old.name} to {new.name}", "Network")
        self._configuration = self._configuration.replace(optimizer=new)

    @property
    def norms_(self) -> list[dict[str, Array] | None]:
        """Copies of the gain and the running statistics of each layer; None for a layer that is not normalised."""
        return [state.get("norm") for state in copy_layers(layer_views(self._evaluated()))]

    @property
    def n_parameters(self) -> int:
        """Number of weights, biases and gains; of an embedding layer, that of the numbers in its vectors.

        See Also
        --------
        summary : Number of parameters of each layer.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(8, "relu"), cnn.Dense(1)], loss="mse").fit([[0.0, 0.0]], [0.0], epochs=0)
        >>> net.n_parameters  # 2 * 8 + 8 + 8 * 1 + 1
        33
        """
        stack, first = self._fitted(), self.layers[0]
        return stack.n_parameters - stack.sizes[0] * first.units + first.n_weights(stack.sizes[0])

    @property
    def embeddings_(self) -> dict[int | str, Array]:
        """Copies of the vectors (categories, width) of each embedded column, by name or index of the column."""
        encoder = None if self._inputs is None else self._inputs.encoder
        if encoder is None or not self.layers[0].is_merged:
            raise AttributeError(
                "The network has no embeddings_. They exist after fit with the parameter embeddings."
            )
        from ..spec import embeddings  # imported here to keep `import compiled_nn` fast

        return embeddings.tables(self.layers[0], layer_views(self._evaluated())[0]["weight"], encoder)

    @property
    def activations(self) -> list[str]:
        """Name of the activation of each layer; that of the last layer is the link of the loss.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> layers = [cnn.Dense(8, "relu"), cnn.Dense(4)]
        >>> cnn.Network(layers, loss="softmax_cross_entropy").activations
        ['relu', 'softmax']
        """
        return self._configuration.activation_names

    # ---- fitted or not

    def _fitted(self) -> Stack:
        if self._trainer is None:
            raise NotFittedError(
                "This Network instance is not fitted yet. Call 'fit' with appropriate arguments, or"
                " 'set_weights', before using this network."
            )
        return self._trainer.stack

    def _evaluated(self) -> Stack:
        """Return a stack for predicting, scoring and saving, which later training does not change.

        With ``ema`` it has the averaged weights. During training it has those of the last return of the core to Python.
        """
        return self._fitted().present(averaged=True)

    def _known_trainer(self) -> Trainer:
        self._fitted()
        assert self._trainer is not None
        return self._trainer

    # ---- the predictor

    def _predicting(self) -> Predictor:
        """Return the predictor for the present weights, making it if necessary."""
        self._check_calibration()
        with switching:
            predictor, changes = self._predictor, self._changes
            if predictor is not None:
                return predictor
            stack, inputs, outputs = self._fitted(), self._known_inputs(), self._outputs
            embedded, n_threads = self.layers[0].is_merged, self._n_threads
        stack = stack.present(averaged=True)
        latest = self._latest
        is_latest = latest is not None and latest[2] == changes
        if latest is not None and is_latest and np.may_share_memory(latest[0].parameters, stack.parameters):
            return latest[1]
        predictor = Predictor(
            stack,
            inputs,
            outputs,
            embedded=embedded,
            n_threads=n_threads,
            precision=self.precision_,
            ranges=self._ranges,
        )
        with switching:
            if changes == self._changes and not self._can_change(predictor):
                if training_of(self) is None:
                    self._predictor = predictor
                else:  # it is that of the present weights as long as its stack has them
                    self._latest = stack, predictor, changes
        return predictor

    @property
    def _is_quantized(self) -> bool:  # type: ignore[override]
        return bool(self._ranges)

    def _predicting_in(self, precision: PredictionPrecision, *, calibrated: bool = True) -> Predictor:
        self._check_calibration()
        outputs = self._outputs if calibrated else self._outputs.replace(calibration=NOTHING)
        return Predictor(
            self._evaluated(),
            self._known_inputs(),
            outputs,
            embedded=self.layers[0].is_merged,
            n_threads=self._n_threads,
            precision=precision,
            ranges=self._ranges if precision == "int8" else (),
        )

    def _measure_ranges(self, rows: Samples) -> None:
        self._ranges = self._predicting_in("float32").measure_ranges(rows)
        self._discard_predictor()

    def _uncalibrated(self, X: Samples) -> Array:
        if self._is_quantized:
            predictor = self._predicting_in("int8", calibrated=False)
            return predictor.layers.forward(X, link=False, scale=predictor.scale, n_threads=self._n_threads)
        c = self._configuration
        return self._evaluated().forward(X, link=False, scale=c.scale, n_threads=self._n_threads)

    def _can_change(self, predictor: Predictor) -> bool:
        """Return whether the weights can change without a call that discards the predictor."""
        return self._lent_weights is not None and self._lent_weights() is not None

    def _objective(self, *, smoothed: bool = True) -> Objective:
        """Return the objective of training; `smoothed=False` drops label smoothing."""
        return new_objective(self._configuration, self._n_threads, smoothed=smoothed)

    def _inputs_for(self, X: Any, resume: bool) -> tuple[Inputs, Samples]:
        """Return the inputs for training on X, and X converted for the core.

        They are the present inputs if training resumes, otherwise new ones, with the names and the encoder of X.
        """
        known = self._inputs if resume else None
        has_learned = self._outputs.learned is not None
        if known is not None and (has_learned or known.encoder is not None or known.bins is not None):
            return known, known.read(X)
        n_columns = self._n_columns(resume)
        return Inputs.learned(self._configuration, X, n_columns)

    def _lacks_statistics(self, stack: Stack) -> bool:
        """Return whether a stack is to standardise X but has no statistics yet."""
        return self._configuration.scaling is not None and stack.statistics is None

    def _lacks_bins(self, inputs: Inputs) -> bool:
        """Return whether the columns of numbers are to have bins, which were not learned yet."""
        return self._configuration.bins is not None and inputs.bins is None

    def _n_columns(self, resume: bool) -> int | None:
        """Return the number of columns that training expects, None for any number."""
        if resume:
            return self._known_inputs().n_columns
        if self._initial is None or self._configuration.bins is not None:
            return None
        return len(self._initial[0]["weight"])

    def _drawn(self, inputs: Inputs) -> Trainer:
        """Return a trainer with the initial weights for these inputs, which it does not scale and encode yet."""
        configuration = inputs.embedded(self._configuration)
        rng = new_generator(configuration.seed)
        states = self._initial or states_of(draw_weights(configuration.layers, rng, inputs.n_inputs))
        if len(states[0]["weight"]) != inputs.n_inputs:
            raise ValueError(
                f"The initial weights of set_weights are for {count(len(states[0]['weight']), 'input')}; X has"
                f" {count(inputs.n_columns, 'column')} and {count(inputs.n_bins, 'bin')} of numeric_embeddings. Create"
                " another network, or pass other weights."
            )
        return Trainer(new_stack(configuration, states), configuration.seed, rng)
