"""Calls of fit of an ensemble that continue from a checkpoint; see :mod:`compiled_nn.network.resuming`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._version import __version__
from ..files import ensemble_checkpoint, ensemble_file, network_file, recorded, run_file
from ..files.run_file import RunState
from ..files.safetensors_file import open_tensors
from ..training.member_states import stack_of
from . import call_description, resuming
from .ensemble_data import in_training

if TYPE_CHECKING:
    from ..artefact.ensemble_parts import EnsembleParts
    from ..files.ensemble_checkpoint import Training
    from ..training.ensemble_plan import EnsemblePlan
    from ..training.together import Together
    from .ensemble_data import EnsembleData

_DROPPED = "dropped"  # key of the state of the source: members that are not trained further and why


def check(ensemble: Any, plan: EnsemblePlan, engine: object) -> None:
    """Raise a ValueError if the call of fit could not be continued with the same bits."""
    if engine is not None:
        raise ValueError(
            "Checkpoint(resume=True) cannot be used with map, which trains members elsewhere. Leave out one of them."
        )
    resuming.checkpoint_of(plan.plan.callbacks)  # raises an error if there are several
    if ensemble._shared:
        raise ValueError(
            "Checkpoint(resume=True) cannot continue an ensemble with shared_weights=True, because files have no shared"
            " weights. Leave out one of them."
        )
    resuming.check_start(plan.plan.resume and bool(ensemble._kept))
    seeds = [ensemble._seed, *(network._configuration.seed for network in ensemble._networks)]
    if None in seeds:
        raise ValueError(
            "Checkpoint(resume=True) needs seeds, because another process would draw other weights and validation rows."
            " Pass seed= to each network."
        )


class EnsembleResumption(resuming.Recording):
    """Recorder of a call of fit of an ensemble.

    Parameters
    ----------
    ensemble : Ensemble
        Ensemble, ready for its first epoch.
    together : Together
        Members and data of the call.
    read : EnsembleData
        Data of the call.
    plan : EnsemblePlan
        Parameters of the call.
    """

    def __init__(self, ensemble: Any, together: Together, read: EnsembleData, plan: EnsemblePlan) -> None:
        self._together = together
        super().__init__(ensemble, plan.plan, _description(ensemble, together, read, plan))
        if self._keepers:
            raise resuming.RefusedError(
                ValueError(
                    "Checkpoint(resume=True) cannot continue callbacks.EarlyStopping of an ensemble. Use patience=."
                )
            )

    def _continue(self, net: Any) -> RunState:
        stored = _read(self._checkpoint.path)
        tensors, document = ensemble_file.make_content(net._parts(), __version__)
        self._compare(stored.run, stored.document, document)
        self._compare_learned(stored.learned, tensors)
        together, training, parts = self._together, stored.training, stored.parts
        left = {
            each.place: (each, state) for each, state in zip(parts.members, training.members, strict=True)
        }
        dropped = stored.run.source.get(_DROPPED, {})
        for member in together.members:
            if member.index not in left:
                member.dropped = str(dropped.get(str(member.index), "dropped in the run of the checkpoint"))
                continue
            kept, state = left[member.index]
            member.trainer.resume(state.trainer)
            member.value, member.epoch, member.best_epoch = state.value, state.epoch, state.best_epoch
            best = stack_of(kept.layers, member.trainer.stack, member.configuration)
            member.best = best if state.best_epoch else None
            member.last_finite, member.history = best, state.history
        together.epoch, together.rng = training.epoch, training.rng
        source: Any = together
        if hasattr(source, "set_state"):
            source.set_state(stored.run.source)
        alive = [member for member in together.members if member.dropped is None]
        weights = np.full(len(alive), 1 / len(alive))
        net._begin_with(_kept=in_training(alive), _weights=weights, history=training.history)
        net._weights_changed()
        return stored.run

    def _state(self, description: dict[str, Any], reason: str | None) -> RunState:
        dropped = {str(each.index): each.dropped for each in self._together.members if each.dropped}
        source = {**resuming.state_of_source(self._together), _DROPPED: dropped}
        return RunState(description, reason, [], None, None, self._checkpoint.seed, source)


class _Stored(NamedTuple):
    """Content of a checkpoint."""

    document: dict[str, Any]
    learned: dict[str, Any]
    parts: EnsembleParts
    run: RunState
    training: Training


def _read(path: str) -> _Stored:
    with open_tensors(path) as file:
        described = network_file.describe(file)
        if described.members is None or not ensemble_checkpoint.is_checkpoint(file):
            raise ValueError("it is not the checkpoint of an ensemble. Pass another path")
        parts = ensemble_file.parts_of(file, described)
        members = tuple(each._replace(layers=list(each.layers)) for each in parts.members)
        run = run_file.parse(file, None)
        training = ensemble_checkpoint.parse(file, described)
        recorded.verify(file, described.document, described.card)
        learned = resuming.learned_tensors(file)
        return _Stored(described.document, learned, parts._replace(members=members), run, training)


def _description(ensemble: Any, together: Together, read: EnsembleData, plan: EnsemblePlan) -> dict[str, Any]:
    p = plan.plan
    weights = read.weights
    rows = call_description.described_source(together) or call_description.hashes(read.X, read.y, weights)
    masks = None if read.masks is None else call_description.hash_of(np.packbits(read.masks))
    return {
        "initial weights": [call_description.initial_weights(network) for network in ensemble._networks],
        "argument": {
            "epochs": p.epochs,
            "batch_size": p.batch_size if read.y is None else together.data.batches.size,
            "shuffle": p.shuffle,
            "monitor": plan.monitor,
            "patience": plan.patience,
            "halving": None if plan.halving is None else list(plan.halving),
            "refit": plan.refit,
        },
        "callbacks": call_description.described_callbacks(p),
        "rows": rows,
        "validation rows": masks or call_description.held_out_rows(read.held_out),
    }
