"""State of a network: weights, snapshots, files and pickles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..artefact.inputs import Inputs
from ..artefact.parts import Parts
from ..common import checks
from ..common.exclusive import (
    check_change,
    check_kept,
    check_not_quantized,
    is_elsewhere,
    stored,
    switching,
    training_of,
)
from ..preprocessing.standardization import Statistics
from ..spec.initializers import Pair
from ..training.stacks import freeze, new_stack, pairs_of
from ..training.trainer import Trainer
from ..training.weights import assign_layers, copy_layers, layer_views
from .model import Model

if TYPE_CHECKING:
    from typing import Self

    from ..data.arrays import Array
    from ..files.places import Writable

_PICKLE_VERSION = 2


class State(Model):
    """Methods of a network that read, set, save and copy its state."""

    def get_weights(self) -> list[Pair]:
        """Return copies of the weights.

        With ``standardize``, the first layer expects the scaled columns ``(X - mean_) / scale_``. With
        ``scale_targets``, the last layer predicts ``(y - target_mean_) / target_scale_``.

        Returns
        -------
        list of (W (inputs, units), b (units,) or None)
            One pair per layer, in the dtype of the network.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.

        See Also
        --------
        set_weights : Weights from arrays.
        to_dict : Weights that predict from unscaled X.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer="lbfgs", seed=0)
        >>> net = net.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])  # y = 2 x + 1
        >>> W, b = net.get_weights()[0]
        >>> W.round(2), b.round(2)
        (array([[2.]], dtype=float32), array([1.], dtype=float32))
        """
        return pairs_of(copy_layers(layer_views(self._evaluated())))

    def set_weights(self, weights: Sequence[tuple[Any, Any]] | Sequence[Mapping[str, Any]]) -> None:
        """Set all weights, and reset the moments of the optimizer to zero. Later calls of fit start from these weights.

        In a callback, the weights are those of the training that calls it: later calls of fit start as this one did.

        With ``standardize``, the first layer expects scaled columns. If the network has no statistics yet, or the
        number of columns changes, X is not scaled until the next fit. A new number of columns also discards the names
        of columns, the shape of images and the encoder of categories.

        Parameters
        ----------
        weights : list of (W (inputs, units), b (units,) or None), or list of dict
            Weights in the form of :meth:`get_weights`, or states of the layers in the form of ``snapshot()["layers"]``,
            which also have the gains and running statistics of normalised layers. A normalised layer without these
            keeps them until fit starts from the beginning. The arrays are copied. The number of inputs of the first
            layer may differ from the present one.

        Raises
        ------
        TypeError, ValueError
            If the weights do not match the layers; the network is then unchanged.
        RuntimeError
            If the network is being trained, except for its callbacks before and after an epoch; these cannot change
            the number of inputs.

        See Also
        --------
        get_weights : Copies of the weights.
        from_dict : Network from a dict of weights.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse")
        >>> net.set_weights([([[2.0]], [1.0])])
        >>> net.predict([[0.0], [10.0]])
        array([ 1., 21.], dtype=float32)
        """
        from ..training.state_checks import checked_layers  # imported here to keep `import compiled_nn` fast

        check_change(self, "set_weights", "Network")
        configuration = self._configuration
        if self._trainer is None and configuration.numeric_embeddings is not None:
            raise _not_resolved()
        states = checked_layers(self.layers, weights, configuration.dtype)
        trainer, n_columns = self._trainer, len(states[0]["weight"])
        if trainer is None or trainer.stack.sizes[0] != n_columns:
            check_kept(self, False, f"set_weights with weights for {n_columns} inputs", "Network")
            if configuration.numeric_embeddings is not None:
                raise _not_resolved(f" for {n_columns} inputs")
            trainer = Trainer(new_stack(configuration, states), configuration.seed)
            inputs = Inputs.of(configuration, n_columns)
            self._begin_with(_trainer=trainer, _inputs=inputs, _initial=states)
        else:
            self._discard_predictor()
            with trainer.stack.changing():
                assign_layers(layer_views(trainer.stack), states)
                freeze(trainer.stack, self.layers[0])
                trainer.forget_moments()
        if training_of(self) is None:
            self._initial = states
        self._weights_changed()

    def snapshot(self, *, optimizer: bool = True) -> dict[str, Any]:
        """Return a copy of the weights and the state of the optimizer, which :meth:`restore` can restore.

        Parameters
        ----------
        optimizer : bool, default True
            Whether to include the state of the optimizer.

        Returns
        -------
        dict
            "layers" has one dict per layer, with "weight" (inputs, units), "bias" (units,) and "norm", a dict with
            "gain" (units,) and, for batch normalisation, the running "mean" and "variance" (units,). A key is absent if
            the layer has no such part. With ``ema``, "average" has the averaged weights in the same form; it is absent
            before the first step, when there is no average. "optimizer" has "name", "hyperparameters", "step", "epoch"
            and "moments", a list with one entry per moment in the form of "layers".

        Raises
        ------
        NotFittedError
            If the network has no weights yet.

        See Also
        --------
        restore : Restoring of the copy.
        save_checkpoint : Copy in a file.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[0.0], [1.0]], [0.0, 1.0]
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0).fit(X, y, epochs=5)
        >>> before, state = net.predict(X), net.snapshot()
        >>> net = net.fit(X, y, epochs=5, warm_start=True)
        >>> bool((net.predict(X) == before).all())
        False
        >>> net.restore(state)
        >>> bool((net.predict(X) == before).all())
        True
        """
        return self._known_trainer().snapshot(optimizer=optimizer)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by :meth:`snapshot`.

        Parameters
        ----------
        state : dict
            State in the form of :meth:`snapshot`; the arrays are copied. Without "optimizer", the state of the
            optimizer is not changed. Without "average", the averaged weights of ``ema`` become those of "layers". With
            "average" and without "optimizer", a network that has taken no step continues from the averaged weights.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If the state does not match the network; the network is then unchanged.
        RuntimeError
            If the network is being trained, except for its callbacks before and after an epoch.

        See Also
        --------
        snapshot : Copy of the weights and the state of the optimizer.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0).fit([[0.0], [1.0]], [0.0, 1.0], epochs=5)
        >>> state, prediction = net.snapshot(), net.predict([[2.0]])
        >>> net.set_weights([([[0.0]], [0.0])])
        >>> net.predict([[2.0]])
        array([0.])
        >>> net.restore(state)
        >>> net.predict([[2.0]]) == prediction
        array([ True])
        """
        trainer = self._known_trainer()
        check_change(self, "restore", "Network")
        self._discard_predictor()
        with trainer.stack.changing():
            trainer.restore(state)
            freeze(trainer.stack, self.layers[0])
        self._weights_changed()

    get_state = snapshot
    set_state = restore

    @property
    def learning_rate_scale(self) -> float:
        """Factor of all learning rates: 1.0 when training starts from the initial weights; callbacks can change it.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[0.0], [1.0]], [0.0, 1.0]
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer=cnn.SGD(0.1), seed=0).fit(X, y, epochs=1)
        >>> net.learning_rate_scale = 0.5
        >>> net.fit(X, y, epochs=1, warm_start=True).history["learning_rate"]
        [0.1, 0.05]
        """
        return self._known_trainer().rate_scale

    @learning_rate_scale.setter
    def learning_rate_scale(self, scale: float) -> None:
        checked = checks.real("Network", "learning_rate_scale", scale, minimum=0)
        check_not_quantized(self, "the assignment of learning_rate_scale", "Network")
        if is_elsewhere(self):
            check_change(self, "the assignment of learning_rate_scale", "Network")
        self._known_trainer().rate_scale = checked

    # ---- files and copies

    def save(self, path: Writable, *, metadata: dict[str, Any] | None = None, mappable: bool = False) -> None:
        """Write the network to a safetensors file. An existing file is replaced only after the new one is complete.

        The file contains weights, classes and parameters. It does not contain the state of training, initial weights
        given as arrays, and a learning rate given as a function; a pickle contains them too.

        Parameters
        ----------
        path : str, path-like or binary file object
            Path of the file, by convention ``*.safetensors``, or a file object to write to.
        metadata : dict, optional
            Content of the user in the file: anything that JSON can express, by name. The loaded network has it as its
            attribute `metadata`. Some keys have a fixed form, see docs/guide/files.md. Default: that of this network.
        mappable : bool, default False
            Whether the file also has the weights in the form in which predictions use them, so that all processes that
            load it with ``mmap=True`` share one copy in memory. The file is then two or three times as large.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError
            If JSON cannot express `metadata`.
        ValueError
            If the loss is a function, or an activation is user-defined and not registered.
        OSError
            If the file cannot be written; an existing file is then unchanged.

        See Also
        --------
        load : Reading of the file.
        save_checkpoint : File from which training continues.
        to_onnx, to_json, to_c : Files for programs without compiled_nn.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(2)], optimizer="lbfgs", seed=0).fit([[0.0], [1.0]], ["no", "yes"])
        >>> net.save("net.safetensors", metadata={"description": "Two classes."})
        >>> cnn.load("net.safetensors").predict([[0.0], [1.0]]).tolist()
        ['no', 'yes']
        >>> cnn.read_card("net.safetensors")["metadata"]
        {'description': 'Two classes.'}
        """
        from ..files import network_file  # imported here to keep `import compiled_nn` fast

        network_file.write(path, self._parts_with(metadata, mappable), __version__)

    def _parts_with(self, metadata: dict[str, Any] | None, mappable: bool) -> Parts:
        """Return the parts for the arguments of `save`."""
        parts = self._parts()
        if metadata is not None:
            parts = parts.replace(metadata=metadata)
        return parts.replace(arenas=self._arenas()) if checks.flag("save", "mappable", mappable) else parts

    def fingerprint(self) -> str:
        """Return a SHA-256 over everything that decides predictions, as 64 hexadecimal digits.

        It includes weights, architecture, scaling and encoding of X, names of columns, classes, units of y and
        calibration. It does not include metadata, the history, the optimizer, seeds and other parameters that only
        training uses. Files contain it, and it is the same after `load`, and on every machine. :func:`load` compares it
        with the content of the file.

        Returns
        -------
        str

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        ValueError
            If the loss is a function, or an activation is user-defined and not registered.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[0.0], [1.0]], [0, 1]
        >>> net = cnn.Network([cnn.Dense(2)], seed=0).fit(X, y, epochs=1)
        >>> before = net.fingerprint()
        >>> net.save("net.safetensors")
        >>> cnn.load("net.safetensors").fingerprint() == before
        True
        >>> net.fit(X, y, epochs=1, warm_start=True).fingerprint() == before
        False
        """
        from ..files import fingerprint, network_file  # imported here to keep `import compiled_nn` fast

        tensors, document = network_file.make_content(self._parts(), __version__)
        return fingerprint.of_tensors(document, tensors)

    def save_checkpoint(self, path: Writable) -> None:
        """Write the network and the state of training to a safetensors file, from which training continues exactly.

        The file contains everything that :meth:`save` writes, and moments, number of steps, the generator that shuffles
        the rows, the history, and averages of weights. It does not contain a learning rate given as a function. An
        existing file is replaced only after the new one is complete.

        Parameters
        ----------
        path : str, path-like or binary file object
            Path of the file, by convention ``*.ckpt.safetensors``, or a file object to write to.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError
            If a column of the history contains a value that is not a number, or JSON cannot express `metadata`.
        ValueError
            If the loss is a function, or an activation is user-defined and not registered.
        OSError
            If the file cannot be written; an existing file is then unchanged.

        See Also
        --------
        load_checkpoint : Reading of the file.
        compiled_nn.callbacks.Checkpoint : Checkpoints during training.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[0.0], [1.0]], [0.0, 1.0]
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0).fit(X, y, epochs=5)
        >>> net.save_checkpoint("net.ckpt")
        >>> cnn.load_checkpoint("net.ckpt").fit(X, y, epochs=5, warm_start=True).history["epoch"][-1]
        10
        """
        from ..files.safetensors_file import write_tensors  # imported here to keep `import compiled_nn` fast

        write_tensors(path, *self._checkpoint_content())

    def _checkpoint_content(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return the tensors and the documents of a checkpoint."""
        from ..files import checkpoint_file  # imported here to keep `import compiled_nn` fast

        self._check_checkpoint()
        return checkpoint_file.make_content(self._parts(), self._known_trainer(), self.history, __version__)

    # Overridden by the network of an estimator; see network/resuming.py.

    def _run_parameters(self) -> dict[str, Any]:
        """Return the parameters of the caller that decide what a call of fit computes, as JSON."""
        return {}

    def _has_seed(self) -> bool:
        """Return whether another process would hold out the same validation rows."""
        return self._configuration.seed is not None

    def _row_order(self) -> Any:
        """Return the order of rows of an estimator; None for the generator of the trainer."""
        return None

    def _check_checkpoint(self) -> None:
        """Raise RuntimeError if another thread trains the network: its state of training is that of no moment."""
        check_not_quantized(self, "save_checkpoint", self._owner)
        if is_elsewhere(self):
            raise RuntimeError(
                "Another thread trains this network, whose state of training changes all the time. Write checkpoints in"
                " a callback of the training, such as callbacks.Checkpoint; save can be called in any thread."
            )

    def _parts(self) -> Parts:
        """Return the parts of the network that files store; their layers are views of the present weights."""
        self._check_calibration()
        with switching:
            configuration, stack = self._configuration, self._fitted()
            inputs, outputs = self._known_inputs(), self._outputs
        if self._initial is not None:
            configuration = configuration.without_given_weights()
        stack = stack.present(averaged=True)
        statistics = stack.statistics and Statistics(*stack.statistics)
        return Parts(
            configuration,
            layer_views(stack),
            statistics,
            inputs,
            outputs,
            self.metadata,
            self._training_record(),
            {},
            self._ranges,
        )

    @classmethod
    def _of_parts(cls, parts: Parts) -> Self:
        """Return a network made from the parts read from a file."""
        net = cls._of_configuration(parts.configuration)
        net._inputs, net._outputs, net.metadata = parts.inputs, parts.outputs, parts.metadata
        net._trained, net._ranges = parts.training, parts.ranges
        net._trainer = Trainer(new_stack(parts.configuration, parts.layers), parts.configuration.seed)
        parts.inputs.set_in(net._trainer.stack, parts.statistics)
        if parts.arenas:
            net._adopt(parts.arenas)
        return net

    def _arenas(self) -> dict[str, Array]:
        """Return the vectors of parameters for processes that map the file."""
        from ..files import mapped  # imported here because most files do not have them

        layers: Any = self._predicting().layers
        return mapped.arenas([(self._evaluated(), layers)])

    def _adopt(self, arenas: Mapping[str, Array]) -> None:
        """Use the memory of a mapped file for the weights and the predictor, where it has the same numbers."""
        from ..files import mapped  # imported here because most files do not have them

        self._fitted().adopt(arenas.get(mapped.weights(0)))
        self._predicting().layers.adopt(arenas.get(mapped.predictor(0)))
        mapped.give_back()

    def __getstate__(self) -> dict[str, Any]:
        self._check_calibration()
        trainer = self._trainer
        state = None if trainer is None else trainer.state()
        without = {"_trainer": state, "_predictor": None, "_latest": None, "_version": _PICKLE_VERSION}
        attributes = {**stored(vars(self)), **without}
        attributes.pop("_lent_weights", None)  # a copy has its own memory
        return attributes

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state.get("_version") != _PICKLE_VERSION:
            raise ValueError(
                "This pickle was written by another version of compiled_nn, which this version cannot read. Load the"
                " network with that version, and write a file with save, which this version can load."
            )
        attributes = {name: value for name, value in state.items() if name != "_version"}
        vars(self).update(attributes)
        trainer = attributes["_trainer"]
        if trainer is not None:
            self._trainer = Trainer.restored(new_stack(self._configuration, trainer["layers"]), trainer)


def _not_resolved(which: str = "") -> ValueError:
    """Return the error for weights of a network whose inputs fit has not resolved."""
    return ValueError(
        f"Weights{which} cannot be set: those of the network depend on numeric_embeddings, which fit resolves. Call fit"
        " first, with epochs=0 if it is not to train; or create the network without numeric_embeddings."
    )
