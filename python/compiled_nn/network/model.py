"""What a network is: its configuration, its weights once it has any, and what was learned of inputs and outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import optimizers
from ..artefact.inputs import Inputs
from ..artefact.outputs import Outputs
from ..artefact.predictor import Predictor
from ..common import checks
from ..common.errors import NotFittedError
from ..common.protocols import History
from ..data.arrays import Array
from ..data.samples import Samples
from ..preprocessing import standardization
from ..preprocessing.standardization import Statistics
from ..spec.configuration import Configuration
from ..spec.initializers import Pair
from ..spec.layers import Dense, draw_weights
from ..training import targets
from ..training.history import new_history
from ..training.stacks import evaluated, new_objective, new_stack, states_of
from ..training.targets import Targets
from ..training.trainer import Trainer, new_generator
from ..training.weights import copy_layers, layer_views
from ..uncertainty.calibration import NOTHING, Calibration

if TYPE_CHECKING:
    from cnn_core.stack import Objective, Stack

    from ..optimizers.classes import Optimizer
    from ..preprocessing.tabular import Tabular


class Model:
    """A configuration, a trainer once there are weights, and the predictor that was last made of them.

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

    history: History
    stop_reason_: str | None
    best_epoch_: int | None
    epochs_planned_: int

    def __init__(self, configuration: Configuration, n_threads: int | None = None) -> None:
        self._configuration = configuration
        self._n_threads = checks.optional_integer("Network", "n_threads", n_threads, minimum=1)
        self.history = new_history()
        self._trainer: Trainer | None = None
        self._inputs: Inputs | None = None  # None without weights
        self._outputs = Outputs.of(configuration)
        self._predictor: Predictor | None = None  # None: to be made of the present weights when it is needed
        self._initial: list[Pair] | None = None  # given by set_weights; None: drawn by the layers

    # ---- what it is

    @property
    def layers(self) -> tuple[Dense, ...]:
        """The layers."""
        return self._configuration.layers

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer. It may be assigned: a new learning rate keeps the moments."""
        return self._configuration.optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer | str) -> None:
        self._configuration = replace(self._configuration, optimizer=optimizers.resolve(optimizer))

    @property
    def n_threads(self) -> int | None:
        """Threads of this network; None follows :func:`set_num_threads`. It may be assigned."""
        return self._n_threads

    @n_threads.setter
    def n_threads(self, n_threads: int | None) -> None:
        self._n_threads = checks.optional_integer("Network", "n_threads", n_threads, minimum=1)
        self._predictor = None

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
        self._fitted()
        return self._known_inputs().n_features

    @property
    def encoder_(self) -> Tabular:
        """What turns a table into numbers."""
        encoder = self._known_inputs().encoder
        if encoder is None:
            raise AttributeError("The network has learned no encoder: see categorical_features.")
        return encoder

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
    def norms_(self) -> list[dict[str, Array] | None]:
        """Copies of what normalised layers have besides their weights."""
        return [state.get("norm") for state in copy_layers(layer_views(self._evaluated()))]

    @property
    def n_parameters(self) -> int:
        """Weights and biases that training moves."""
        stack, first = self._fitted(), self.layers[0]
        return stack.n_parameters - stack.sizes[0] * first.units + first.n_weights(stack.sizes[0])

    @property
    def embeddings_(self) -> dict[int | str, Array]:
        """Vectors (categories, width) of each embedded column: copies."""
        encoder = None if self._inputs is None else self._inputs.encoder
        if encoder is None or not self.layers[0].blocks:
            raise AttributeError("The network has learned no embeddings: see the parameter of this name.")
        from ..spec import embeddings  # imported here to keep `import compiled_nn` fast

        return embeddings.tables(self.layers[0], layer_views(self._evaluated())[0]["weight"], encoder)

    @property
    def activations(self) -> list[str]:
        """Activation of every layer, the last one being the link of the loss."""
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
        """Return the stack that predicts, is scored and saved; see :func:`compiled_nn.training.stacks.evaluated`."""
        return evaluated(self._fitted(), self._configuration)

    def _known_inputs(self) -> Inputs:
        self._fitted()
        assert self._inputs is not None
        return self._inputs

    def _known_targets(self) -> Targets:
        self._fitted()
        return self._outputs.targets

    def _known_trainer(self) -> Trainer:
        self._fitted()
        assert self._trainer is not None
        return self._trainer

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
        self._fitted()
        if self._outputs.scaling is None:
            raise NotFittedError("The network has weights, but has seen no y to learn how to scale from.")
        return self._outputs.scaling

    # ---- the predictor

    def _predicting(self) -> Predictor:
        """Return the predictor of the present weights."""
        if self._predictor is None:
            self._predictor = Predictor.of(
                self._evaluated(),
                self._known_inputs(),
                self._outputs,
                embedded=self.layers[0].blocks is not None,
                n_threads=self._n_threads,
            )
        return self._predictor

    def _set_calibration(self, calibration: Calibration) -> None:
        """Keep what was learned from held-out rows, for predictions from now on."""
        self._outputs = replace(self._outputs, calibration=calibration)
        self._predictor = None

    def _weights_changed(self) -> None:
        """Drop the predictor, and the calibration, which was learned for other weights."""
        if self._outputs.calibration is not NOTHING:
            self._outputs = replace(self._outputs, calibration=NOTHING)
        self._predictor = None

    # ---- data and objective

    def _labelled(self, X: Any, y: Any, scaled: bool = True) -> tuple[Samples, Array, Targets]:
        """Return X and y as the core takes them, and what y means."""
        known, inputs = self._known_targets(), self._known_inputs()
        return targets.prepare(self._configuration, X, y, inputs.n_columns, known, scaled, inputs.encoder)

    def _objective(self, *, smoothed: bool = True) -> Objective:
        """Return what training minimises; `smoothed=False` drops label smoothing."""
        return new_objective(self._configuration, self._n_threads, smoothed=smoothed)

    def _encoder_for(self, X: Any, resume: bool) -> Tabular | None:
        """Return the encoder of a table: the present one, or one that has learned from X; None without need."""
        c, encoder = self._configuration, None if self._inputs is None else self._inputs.encoder
        if c.categorical_features is None or (resume and encoder is not None):
            return encoder
        return c.new_encoder().fit(X)

    def _fit_statistics(self, X: Samples, encoder: Tabular | None, rows: Array | None = None) -> Statistics:
        method = self._configuration.scaling or "standard"
        if encoder is None:
            return standardization.fit_statistics(X, method, rows=rows)
        return encoder.statistics(X, method, rows)

    def _lacks_statistics(self, stack: Stack) -> bool:
        """Whether a stack has yet to learn how to standardise."""
        return self._configuration.scaling is not None and stack.statistics is None

    def _n_columns(self, resume: bool) -> int | None:
        """Return how many columns training takes, None for any number."""
        if resume:
            return self._known_inputs().n_columns
        return None if self._initial is None else self._initial[0][0].shape[0]

    def _drawn(self, X: Samples, encoder: Tabular | None) -> Trainer:
        """Return a trainer of the initial weights, for the columns of X, which it does not standardise yet."""
        configuration = self._configuration.embedded(encoder)
        rng = new_generator(configuration.seed)
        weights = self._initial or draw_weights(configuration.layers, rng, X.shape[1])
        return Trainer(new_stack(configuration, states_of(weights)), configuration.seed, rng)
