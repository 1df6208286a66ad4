"""State of an ensemble: files, pickles and copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._version import __version__
from ..artefact.ensemble_parts import EnsembleParts, StoredMember
from ..artefact.inputs import Inputs
from ..artefact.kept_member import KeptMember
from ..artefact.mean_layers import MeanLayers
from ..common import checks
from ..common.exclusive import check_not_quantized, is_elsewhere, stored, switching, training_of
from ..preprocessing.standardization import Statistics
from ..training.history import new_history
from ..training.member_states import layers_of, member_of, state_of
from ..training.stacks import new_stack
from ..training.trainer import Trainer
from ..training.weights import LayerState, layer_views
from .ensemble_fit import EnsembleFitting

if TYPE_CHECKING:
    from cnn_core.stack import Stack

    from ..artefact.predictor import Predictor
    from ..data.arrays import Array
    from ..files.ensemble_checkpoint import Training
    from ..files.places import Writable
    from ..spec.configuration import Configuration
    from ..training.together import Together

_PICKLE_VERSION = 1


class EnsembleState(EnsembleFitting):
    """Methods of an ensemble that save and copy it."""

    def _predicting(self, arenas: Sequence[Array | None] | None = None) -> Predictor:
        """Return the predictor; `arenas` are vectors of a mapped file for its layers."""
        raise NotImplementedError

    def save(self, path: Writable, *, metadata: dict[str, Any] | None = None, mappable: bool = False) -> None:
        """Write the ensemble to one safetensors file, which :func:`compiled_nn.load` reads.

        The file contains the weights, temperatures and weights in the mean of `members_`, and the parameters of all
        networks. It does not contain the state of training, the histories and ``oof_``; a pickle contains them too. An
        existing file is replaced only after the new one is complete.

        Parameters
        ----------
        path : str, path-like or binary file object
            Path of the file, by convention ``*.safetensors``, or a file object to write to.
        metadata : dict, optional
            Content of the user in the file: anything that JSON can express, by name. Some keys have a fixed form, see
            docs/guide/files.md. Default: that of this ensemble.
        mappable : bool, default False
            Whether processes that load the file with ``mmap=True`` share its weights; see :meth:`Network.save`.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted yet.
        TypeError
            If JSON cannot express `metadata`.
        ValueError
            If the loss is a function, an activation is user-defined and not registered, or there are too many layers.
        OSError
            If the file cannot be written; an existing file is then unchanged.

        See Also
        --------
        load : Reading of the file.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(2)], seed=0)
        >>> model = cnn.Ensemble(net, n_members=2).fit([[0.0], [1.0]] * 10, ["no", "yes"] * 10, epochs=2)
        >>> model.save("model.safetensors")
        >>> len(cnn.load("model.safetensors").members_)
        2
        """
        from ..files import ensemble_file  # imported here to keep `import compiled_nn` fast

        ensemble_file.write(path, self._parts_with(metadata, mappable), __version__)

    def _parts_with(self, metadata: dict[str, Any] | None, mappable: bool) -> EnsembleParts:
        """Return the parts for the arguments of `save`."""
        parts = self._parts()
        if metadata is not None:
            parts = parts._replace(metadata=metadata)
        return parts._replace(arenas=self._arenas()) if checks.flag("save", "mappable", mappable) else parts

    def _arenas(self) -> dict[str, Array]:
        """Return the vectors of parameters for processes that map the file."""
        from ..files import mapped  # imported here because most files do not have them

        layers: Any = self._predicting().layers
        folded = iter(layers.layers if isinstance(layers, MeanLayers) else [layers])
        return mapped.arenas(
            (member.stack.present(averaged=True), next(folded) if weight > 0 else None)
            for member, weight in zip(self._kept, self._weights, strict=True)
        )

    def fingerprint(self) -> str:
        """Return a SHA-256 over everything that decides predictions; documented in :meth:`Network.fingerprint`.

        It includes the weights of the members in the mean. Members that were dropped, and the way in which the others
        were chosen, are not included.
        """
        from ..files import ensemble_file, fingerprint  # imported here to keep `import compiled_nn` fast

        tensors, document = ensemble_file.make_content(self._parts(), __version__)
        return fingerprint.of_tensors(document, tensors)

    def save_checkpoint(self, path: Writable) -> None:
        """Write the ensemble and the state of training to a safetensors file, from which training continues exactly.

        The file contains everything that :meth:`save` writes, and moments, numbers of steps, the generator that
        shuffles the rows, validation rows, histories, and the weights of the last step. It does not contain a learning
        rate given as a function, and ``oof_``. :func:`compiled_nn.load_checkpoint` reads it.

        Parameters
        ----------
        path : str, path-like or binary file object
            Path of the file, by convention ``*.ckpt.safetensors``, or a file object to write to.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted yet.
        TypeError
            If a column of the history contains a value that is not a number, or JSON cannot express `metadata`.
        ValueError
            If the ensemble has no state of training, as after `load` or ``refit=True``; or as for :meth:`save`.
        RuntimeError
            If another thread trains the ensemble.
        OSError
            If the file cannot be written; an existing file is then unchanged.

        See Also
        --------
        load_checkpoint : Reading of the file.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[0.0], [1.0]] * 10, ["no", "yes"] * 10
        >>> model = cnn.Ensemble(cnn.Network([cnn.Dense(2)], seed=0), n_members=2)
        >>> model = model.fit(X, y, epochs=2, validation=None)
        >>> model.save_checkpoint("model.ckpt")
        >>> model = cnn.load_checkpoint("model.ckpt").fit(X, y, epochs=2, validation=None, warm_start=True)
        >>> model.members_[0].history["epoch"]
        [1, 2, 3, 4]
        """
        from ..files.safetensors_file import write_tensors  # imported here to keep `import compiled_nn` fast

        write_tensors(path, *self._checkpoint_content())

    def _checkpoint_content(self) -> tuple[dict[str, Array], dict[str, Any]]:
        from ..files import ensemble_checkpoint  # imported here to keep `import compiled_nn` fast
        from .ensemble_results import kept

        self._fitted()
        check_not_quantized(self, "save_checkpoint", "Ensemble")
        together = self._together
        if is_elsewhere(self):
            raise RuntimeError(
                "Another thread trains this ensemble, whose state of training changes all the time. Write checkpoints"
                " in a callback of the training, such as callbacks.Checkpoint; save can be called in any thread."
            )
        if together is None:
            raise ValueError(
                "The ensemble has no state of training: it was read from a file, or refitted. Use save, or fit it"
                " first."
            )
        if together.shared is not None:
            raise ValueError(
                "An ensemble with shared_weights=True cannot be saved as a checkpoint, because files have no shared"
                " weights. Use save, which writes the members."
            )
        together.write_histories()
        parts = self._parts()
        if training_of(self) is not None:  # the best weights so far, in place of those of the last step
            alive = [member for member in together.members if member.dropped is None]
            parts = self._parts(kept(alive, [1.0] * len(alive)), [1 / len(alive)] * len(alive))
        return ensemble_checkpoint.make_content(parts, together, self._masks, self.history, __version__)

    def _parts(
        self, kept: Sequence[KeptMember] | None = None, weights: Sequence[float] | None = None
    ) -> EnsembleParts:
        """Return the parts of the ensemble that files store; with other members and weights, if they are given."""
        with switching:
            first = self._fitted()
            inputs, outputs = self._known_inputs(), self._outputs
            kept, weights = kept or self._kept, weights or self._weights.tolist()
        networks = []
        for network in self._networks:
            c = inputs.embedded(network._configuration)
            networks.append(c if network._initial is None else c.without_given_weights())
        members = tuple(
            StoredMember(
                networks[member.place],
                layer_views(member.stack.present(averaged=True)),
                member.place,
                weight,
                member.temperature,
                member.best_epoch,
                member.ranges,
            )
            for member, weight in zip(kept, weights, strict=True)
        )
        return EnsembleParts(
            tuple(networks),
            members,
            self._combine,
            self._calibrated,
            self._seed,
            first.statistics and Statistics(*first.statistics),
            inputs,
            outputs,
            self.metadata,
            self._training_record(),
            {},
        )

    def _set_parts(self, parts: EnsembleParts) -> None:
        """Set the parts read from a file."""
        from ..files import mapped  # imported here to keep `import compiled_nn` fast

        kept = []
        for i, member in enumerate(parts.members):
            stack = _stack_of(member.configuration, member.layers, parts.statistics, parts.inputs)
            stack.adopt(parts.arenas.get(mapped.weights(i)))
            kept.append(
                KeptMember(
                    member.place,
                    member.configuration,
                    stack,
                    member.temperature,
                    member.best_epoch,
                    new_history(),
                    member.ranges,
                )
            )
        weights = np.array([member.weight for member in parts.members])
        self._begin_with(
            _kept=tuple(kept),
            _weights=weights,
            _inputs=parts.inputs,
            _outputs=parts.outputs,
            metadata=parts.metadata,
            _trained=parts.training,
        )
        if parts.arenas:
            self._predicting([parts.arenas.get(mapped.predictor(i)) for i in range(len(kept))])
            mapped.give_back()

    def _resume(self, training: Training) -> None:
        """Set the state of training read from a checkpoint."""
        from ..training.member import Member  # imported here to keep `import compiled_nn` fast
        from ..training.together import Together

        members, histories = [], []
        for each, state in zip(self._kept, training.members, strict=True):
            stack = new_stack(each.configuration, state.trainer["layers"])
            member = Member(each.place, each.configuration, Trainer.restored(stack, state.trainer))
            member.value, member.epoch, member.best_epoch = state.value, state.epoch, state.best_epoch
            member.best = each.stack if state.best_epoch else None
            member.last_finite, member.history = each.stack, state.history
            members.append(member)
            histories.append(each._replace(history=state.history))
        together = Together(members, training.rng)
        together.epoch = training.epoch
        self._begin_with(
            _together=together, _masks=training.masks, _kept=tuple(histories), history=training.history
        )

    # ---- pickles

    def __getstate__(self) -> dict[str, Any]:
        statistics = None if not self._kept else self._kept[0].stack.statistics
        kept = [member._replace(stack=layers_of(member.stack)) for member in self._kept]
        known = self._together
        together = None if known is None or known.shared is not None else _state_of(known)
        without = {"_predictor": None, "_latest": None, "_version": _PICKLE_VERSION}
        return {
            **stored(vars(self)),
            "_kept": kept,
            "_together": together,
            "_statistics_of_inputs": statistics,
            **without,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state.get("_version") != _PICKLE_VERSION:
            raise ValueError(
                "This pickle was written by another version of compiled_nn, which this version cannot read. Load the"
                " ensemble with that version, and write a file with save, which this version can load."
            )
        attributes = {name: value for name, value in state.items() if name != "_version"}
        statistics = attributes.pop("_statistics_of_inputs")
        statistics, inputs = statistics and Statistics(*statistics), attributes["_inputs"]

        attributes["_kept"] = tuple(
            member._replace(stack=_stack_of(member.configuration, member.stack, statistics, inputs))
            for member in attributes["_kept"]
        )
        if attributes["_together"] is not None:
            attributes["_together"] = _together_of(attributes["_together"])
        vars(self).update(attributes)


def _stack_of(
    configuration: Configuration, layers: Sequence[LayerState], statistics: Statistics | None, inputs: Inputs
) -> Stack:
    """Return a stack that reads its inputs as the ensemble does."""
    stack = new_stack(configuration, layers)
    inputs.set_in(stack, statistics)
    return stack


def _state_of(together: Together) -> dict[str, Any]:
    """Return the state of training as picklable objects."""
    members = [state_of(member) for member in together.members]
    return {"members": members, "rng": together.rng, "epoch": together.epoch}


def _together_of(state: dict[str, Any]) -> Together:
    """Return the state of training from :func:`_state_of`."""
    from ..training.together import Together  # imported here to keep unpickling of other objects fast

    together = Together([member_of(each) for each in state["members"]], state["rng"])
    together.epoch = state["epoch"]
    return together
