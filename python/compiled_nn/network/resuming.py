"""Calls of fit that continue from a checkpoint: recording after each epoch, comparison with the file, restoring."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._version import __version__
from ..callbacks.checkpoint import Checkpoint
from ..common.text import printable, short
from ..files import checkpoint_file, network_file, recorded, run_file
from ..files.run_file import RunState
from ..files.safetensors_file import open_tensors, write_tensors
from ..optimizers.registry import to_config
from ..training.history import last_epoch
from . import call_description

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..callbacks.base import Callback
    from ..common.protocols import History, NetworkLike
    from ..data.arrays import Array
    from ..optimizers.base import Optimizer
    from ..training.loop import Source
    from ..training.plan import Plan
    from .run import Run

_WEIGHTS = ("layers.", "members.")  # starts of the names of tensors that training changes
# Fields of the document of a network. The optimizer is that of the latest epoch, which callbacks can change; the one at
# the start is in the description of the call. The format, and with it the field for the temperature, depends on it.
_NOT_COMPARED = (
    "format_version",
    "library_version",
    "metadata",
    "network.optimizer",
    "temperature",
    "members.kept",
)


def checkpoint_of(callbacks: Sequence[Callback]) -> Checkpoint | None:
    """Return the callback with ``resume=True``; None without one.

    Raises
    ------
    ValueError
        If there are several.
    """
    found = [each for each in callbacks if isinstance(each, Checkpoint) and each.resume]
    if len(found) > 1:
        raise ValueError(
            f"callbacks has {len(found)} Checkpoints with resume=True ({found[0].path} and {found[1].path}); training"
            " can continue from one file. Leave out resume=True in the others."
        )
    return found[0] if found else None


def check(net: Any, plan: Plan) -> None:
    """Raise a ValueError if the call of fit could not be continued with the same bits."""
    if checkpoint_of(plan.callbacks) is None:
        return
    if net.optimizer.name == "lbfgs":
        raise ValueError(
            "Checkpoint(resume=True) cannot continue 'lbfgs', whose approximation of the curvature is not in the file."
            " Use another optimizer, or leave out resume=True."
        )
    # An estimator has drawn the weights of its network before the first epoch.
    is_drawn = net._row_order() is not None and not net.history["epoch"]
    check_start(plan.resume and net._trainer is not None and not is_drawn)
    draws = plan.validation_fraction is not None or plan.validation_groups is not None
    if draws and not net._has_seed():
        raise ValueError(
            "Checkpoint(resume=True) needs a seed, because another process would hold out other rows for validation."
            " Pass seed= to the network, or validation_data to fit."
        )


def check_start(continues: bool) -> None:
    """Raise a ValueError if the call of fit continues from present weights."""
    if continues:
        raise ValueError(
            "Checkpoint(resume=True) repeats a call of fit that starts from the initial weights, but this one continues"
            " from the present ones (warm_start=True). Leave out one of them."
        )


@contextmanager
def unchanged_if_refused(net: Any) -> Iterator[None]:
    """Context in which an error of the file leaves the network as it was."""
    before = dict(vars(net))
    try:
        yield
    except RefusedError as refused:
        vars(net).update(before)
        raise refused.error from None


class RefusedError(Exception):
    """Error of a file that the present call of fit cannot continue."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class Recording(ABC):
    """Recorder of a call of fit, which first continues from the file of an earlier one if there is one.

    Parameters
    ----------
    net : Network
        Network, ready for its first epoch.
    plan : Plan
        Parameters of the call, with all callbacks.
    description : dict
        Description of the call: what determines its result, beside the network itself.

    Attributes
    ----------
    plan : Plan
        Plan for the epochs that are left.
    stopped : str or None
        Stop reason of the run in the file, if it had ended.
    """

    def __init__(self, net: Any, plan: Plan, description: dict[str, Any]) -> None:
        checkpoint = checkpoint_of(plan.callbacks)
        assert checkpoint is not None
        self._checkpoint, self._last = checkpoint, plan.epochs
        self._keepers: list[Any] = [each for each in plan.callbacks if hasattr(each, "replay")]
        self._best: list[dict[str, Any] | None] = []
        self._description = as_json(description)
        self.plan, self.stopped = plan, None
        if os.path.exists(checkpoint.path):
            try:
                found = self._continue(net)
            except Exception as error:
                raise RefusedError(error) from error
            self._best, self.stopped = found.best, found.stop_reason
            self.plan = replace(plan, epochs=max(plan.epochs - last_epoch(net.history), 0))

    @abstractmethod
    def _continue(self, net: Any) -> RunState:
        """Set the network and its trainers to the state in the file, and return the record in it."""

    @abstractmethod
    def _state(self, description: dict[str, Any], reason: str | None) -> RunState:
        """Return the record of the present state."""

    def _compare(self, found: RunState, before: dict[str, Any], now: dict[str, Any]) -> None:
        """Raise a ValueError for the first difference between two descriptions, or two documents of networks."""
        for pair in ((found.description, self._description), (before, as_json(now))):
            difference = _difference("", *pair)
            if difference is not None:
                raise self._refusal(*difference)
        if len(found.best) != len(self._keepers):
            raise self._refusal("the number of callbacks", len(found.best), len(self._keepers))

    def _compare_learned(self, before: Mapping[str, Array], now: Mapping[str, Array]) -> None:
        """Raise a ValueError for the first difference between tensors, without those of weights."""
        for name in dict.fromkeys([*before, *now]):
            if name.startswith(_WEIGHTS):
                continue
            there, here = before.get(name), now.get(name)
            if there is None or here is None or not np.array_equal(there, here):
                raise self._refusal(f"{name}, which is learned from the rows,")

    def _refusal(self, name: str, before: object = None, now: object = None) -> ValueError:
        values = "" if before == now else f": {short(before)} there, and {short(now)} in this call"
        return ValueError(
            f"{printable(self._checkpoint.path)} is the checkpoint of another run: {name} differs{values}. Pass the"
            " same parameters and rows to continue it. To start from the initial weights, pass another path, or delete"
            " the file."
        )

    # ---- called by the training loop

    def begin(self, net: NetworkLike) -> None:
        """Set the state of the callbacks to that after the epochs of the history."""
        for each, best in zip(self._keepers, self._best, strict=False):
            each.replay(net, best)

    def record(self, net: NetworkLike, epoch: int, reason: str | None) -> None:
        """Write the file, every `every` epochs and at the end of training."""
        if epoch % self._checkpoint.every and reason is None and epoch < self._last:
            return
        model: Any = net
        tensors, documents = model._checkpoint_content()
        more, document = run_file.make_content(self._state(self._description, reason))
        write_tensors(self._checkpoint.path, tensors | more, documents | document)


class Resumption(Recording):
    """Recorder of a call of fit of a network.

    Parameters
    ----------
    net, plan
        Parameters of :class:`Recording`.
    run : Run
        Trainer and data of the call.
    source : Source
        Source of the epochs.
    """

    def __init__(self, net: Any, run: Run, source: Source, plan: Plan) -> None:
        self._trainer, self._source, self._order = run.trainer, source, net._row_order()
        self._assigned: Optimizer | None = None  # by a callback of the run in the file
        super().__init__(net, plan, call_description.of_network(net, run, source, plan))

    def _continue(self, net: Any) -> RunState:
        stored = _read(self._checkpoint.path)
        tensors, document = network_file.make_content(net._parts(), __version__)
        found = stored.run
        self._compare(found, stored.document, document)
        self._compare_learned(stored.learned, tensors)
        self._trainer.resume(stored.trainer)
        if self._order is None:
            self._trainer.set_generator(stored.trainer["rng"])
        elif found.generator is not None:
            self._order.resume(found.generator, found.order)
        set_source(self._source, found)
        net.history = stored.history
        net._weights_changed()
        if stored.document["network"]["optimizer"] != found.description["optimizer"]:
            self._assigned = stored.optimizer
        return found

    def begin(self, net: NetworkLike) -> None:
        """Set the state of the callbacks, and the optimizer that one of them has assigned."""
        super().begin(net)
        if self._assigned is not None and to_config(self._assigned) != to_config(net.optimizer):
            net.optimizer = self._assigned

    def _state(self, description: dict[str, Any], reason: str | None) -> RunState:
        generator, order = (None, None) if self._order is None else self._order.state()
        best = [each.best_weights for each in self._keepers]
        seed, source = self._checkpoint.seed, state_of_source(self._source)
        return RunState(description, reason, best, generator, order, seed, source)


class _Stored(NamedTuple):
    """Content of a checkpoint: document, optimizer, tensors that are learned from the rows, and states."""

    document: dict[str, Any]
    optimizer: Optimizer
    learned: dict[str, Array]
    run: RunState
    trainer: dict[str, Any]
    history: History


def _read(path: str) -> _Stored:
    with open_tensors(path) as file:
        described = network_file.describe(file)
        if not checkpoint_file.is_checkpoint(file):
            checkpoint_file.parse(file)  # raises the error of a file that is not a checkpoint
        parts = network_file.parts_of_network(file, described)
        parts = parts.replace(layers=list(parts.layers))
        run = run_file.parse(file, parts)
        recorded.verify(file, described.document, described.card)
        learned = learned_tensors(file)
        training = checkpoint_file.parse_training(file, parts)
        return _Stored(described.document, parts.configuration.optimizer, learned, run, *training)


def learned_tensors(file: Any) -> dict[str, Array]:
    """Return the tensors of an opened file that are learned from the rows before training."""
    names = [name for name in file.keys() if not name.startswith((*_WEIGHTS, network_file.TRAINING))]  # noqa: SIM118
    return {name: file.get_tensor(name) for name in names}


def state_of_source(source: Any) -> dict[str, Any]:
    """Return the state of a source of epochs, as JSON."""
    return source.state() if hasattr(source, "state") else {}


def set_source(source: Any, found: RunState) -> None:
    """Set the state of a source of epochs."""
    if found.source:
        source.set_state(found.source)


def as_json(value: Any) -> Any:
    """Return a value as it is read from a JSON text."""
    return json.loads(json.dumps(value, default=lambda number: number.item()))  # scalars of NumPy


def _difference(path: str, before: Any, now: Any) -> tuple[str, Any, Any] | None:
    """Return the path of the first difference between two JSON values and both values there; None if they are equal."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*before, *(name for name in now if name not in before)]:
            inner = f"{path}.{name}" if path else name
            if inner in _NOT_COMPARED:
                continue
            found = _difference(inner, before.get(name), now.get(name))
            if found is not None:
                return found
        return None
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return next(filter(None, (_difference(f"{path}[{i}]", *pair) for i, pair in pairs)), None)
    return None if before == now and type(before) is type(now) else (path, before, now)
