"""Weights, snapshots, files and copies of a network."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..artefact.inputs import Inputs
from ..artefact.parts import Parts
from ..common import checks
from ..files import network_file
from ..preprocessing.standardization import Statistics
from ..spec.initializers import Pair
from ..spec.layers import check_weights
from ..training.stacks import freeze, new_stack, pairs_of, states_of
from ..training.trainer import Trainer
from ..training.weights import assign_layers, copy_layers, layer_views
from .model import Model

if TYPE_CHECKING:
    from typing import Self

_PICKLE_VERSION = 1


class State(Model):
    """The state of a network: what can be read, set, saved and copied."""

    def get_weights(self) -> list[Pair]:
        """Return copies of the weights, [(W (inputs, units), b (units,) or None), ...], one pair per layer.

        With ``standardize`` those of the first layer are for scaled columns: ``(X - mean_) / scale_``. With
        ``scale_targets`` those of the last give ``(y - target_mean_) / target_scale_``.
        """
        return pairs_of(copy_layers(layer_views(self._evaluated())))

    def set_weights(self, weights: Sequence[tuple[Any, Any]]) -> None:
        """Set all weights, also as those that fit starts from; the optimizer's moments become zero.

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
        configuration = self._configuration
        pairs = check_weights(self.layers, weights, configuration.dtype)
        trainer, n_columns = self._trainer, len(pairs[0][0])
        if trainer is None or trainer.stack.sizes[0] != n_columns:
            encoder = None if self._inputs is None else self._inputs.encoder
            self._trainer = Trainer(new_stack(configuration, states_of(pairs)), configuration.seed)
            self._inputs = Inputs.of(configuration, n_columns, encoder)
        else:
            for view, state in zip(layer_views(trainer.stack), states_of(pairs), strict=True):
                assign_layers([{name: view[name] for name in state}], [state])
            freeze(trainer.stack, self.layers[0])
            trainer.forget_moments()
        self._initial = pairs
        self._weights_changed()

    def snapshot(self, *, optimizer: bool = True) -> dict[str, Any]:
        """Return a copy of the network's state, which :meth:`restore` puts back.

        Parameters
        ----------
        optimizer : bool, default True
            Whether the state of the optimizer is part of it.

        Returns
        -------
        dict
            "layers": one dict per layer with "weight" (inputs, units), "bias" (units,) and "norm", a dict of "gain",
            and for batch normalisation of the running "mean" and "variance" (units,); a key is absent where the layer
            has no such part. With ``ema``, "average" has the averaged weights in the same form. "optimizer" has "name",
            "hyperparameters", "step" and "moments", a list in the form of "layers".

        Raises
        ------
        NotFittedError
            Before the network has weights.
        """
        return self._known_trainer().snapshot(optimizer=optimizer)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put a state back that :meth:`snapshot` returned.

        Parameters
        ----------
        state : dict
            As :meth:`snapshot` returns it; the arrays are copied. Without "optimizer", the optimizer stays as it is.

        Raises
        ------
        NotFittedError
            Before the network has weights.
        TypeError, ValueError
            When the state does not fit the network, which is then as before.
        """
        self._known_trainer().restore(state)
        self._weights_changed()

    get_state = snapshot
    set_state = restore

    @property
    def learning_rate_scale(self) -> float:
        """What all learning rates are multiplied by: 1.0 when fit starts anew, changed by callbacks."""
        return self._known_trainer().rate_scale

    @learning_rate_scale.setter
    def learning_rate_scale(self, scale: float) -> None:
        checked = checks.real("Network", "learning_rate_scale", scale, minimum=0)
        self._known_trainer().rate_scale = checked

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
        network_file.write(path, self._parts(), __version__)

    def save_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Write all that training on exactly needs to one safetensors file, as :meth:`save` writes.

        Beside what that keeps: moments, steps, the generator of the order of rows, the history, averages of weights.
        A learning rate given as a function is not kept.

        Parameters
        ----------
        path : str or path-like
            By custom ``*.ckpt.safetensors``.

        Raises
        ------
        NotFittedError
            Before the network has weights.
        TypeError
            When a column of the history has anything but numbers.
        OSError
            When the file cannot be written; an older one is then untouched.
        """
        from ..files import checkpoint_file  # imported here to keep `import compiled_nn` fast

        checkpoint_file.write(path, self._parts(), self._known_trainer(), self.history, __version__)

    def _parts(self) -> Parts:
        """Return what files hold."""
        configuration = self._configuration
        if self._initial is not None:
            configuration = configuration.without_given_weights()
        statistics = self._fitted().statistics
        return Parts(
            configuration,
            copy_layers(layer_views(self._evaluated())),
            statistics and Statistics(*statistics),
            self._known_inputs(),
            self._outputs,
        )

    @classmethod
    def _of_parts(cls, parts: Parts) -> Self:
        """Return the network of the parts that a file holds."""
        net = cls.__new__(cls)
        Model.__init__(net, parts.configuration)
        net._inputs, net._outputs = parts.inputs, parts.outputs
        net._trainer = Trainer(new_stack(parts.configuration, parts.layers), parts.configuration.seed)
        if parts.statistics is not None:
            net._trainer.stack.standardize(*parts.statistics)
        return net

    def __getstate__(self) -> dict[str, Any]:
        trainer = self._trainer
        state = None if trainer is None else trainer.state()
        return {**vars(self), "_trainer": state, "_predictor": None, "_version": _PICKLE_VERSION}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state.get("_version") != _PICKLE_VERSION:
            raise ValueError(
                "This pickle was made by another version of compiled_nn. Pickles are not kept readable across versions:"
                " load the network there and write a file with save."
            )
        own = {name: value for name, value in state.items() if name != "_version"}
        vars(self).update(own)
        trainer = own["_trainer"]
        if trainer is not None:
            self._trainer = Trainer.restored(new_stack(self._configuration, trainer["layers"]), trainer)
