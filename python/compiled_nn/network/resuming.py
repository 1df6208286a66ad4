"""Calls of fit that continue from a checkpoint: recording after each epoch, comparison with the file, restoring."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._version import __version__
from ..callbacks.checkpoint import Checkpoint
from ..callbacks.stopping import EarlyStopping, Plateau, Target
from ..common.text import printable, short
from ..files import checkpoint_file, network_file, recorded, run_file
from ..files.run_file import RunState
from ..files.safetensors_file import numbers, open_tensors, write_tensors
from ..optimizers.registry import to_config
from ..training.history import last_epoch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..callbacks.base import Callback
    from ..common.protocols import History, NetworkLike
    from ..data.arrays import Array
    from ..data.samples import Samples
    from ..training.batches import Data
    from ..training.loop import Source
    from ..training.plan import Plan
    from .run import Run

_SIMPLE = (bool, int, float, str, type(None))
_WEIGHTS = ("layers.",)  # starts of the names of tensors that training changes
# Fields of the document of a network; the optimizer is that of the latest epoch, whose rate callbacks can change.
_NOT_COMPARED = ("format_version", "library_version", "metadata", "network.optimizer")


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
    if plan.resume and net._trainer is not None and net.history["epoch"]:
        raise ValueError(
            f"Checkpoint(resume=True) repeats a call of fit that starts from the initial weights, but this one"
            f" continues after epoch {net.history['epoch'][-1]} (warm_start=True). Leave out one of them."
        )
    draws = plan.validation_fraction is not None or plan.validation_groups is not None
    if draws and not net._has_seed():
        raise ValueError(
            "Checkpoint(resume=True) needs a seed, because another process would hold out other rows for validation."
            " Pass seed= to the network, or validation_data to fit."
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


class Resumption:
    """Recorder of a call of fit, which first continues from the file of an earlier one if there is one.

    Parameters
    ----------
    net : Network
        Network, ready for its first epoch.
    run : Run
        Trainer and data of the call.
    source : Source
        Source of the epochs.
    plan : Plan
        Parameters of the call, with all callbacks.

    Attributes
    ----------
    plan : Plan
        Plan for the epochs that are left.
    stopped : str or None
        Stop reason of the run in the file, if it had ended.
    """

    def __init__(self, net: Any, run: Run, source: Source, plan: Plan) -> None:
        checkpoint = checkpoint_of(plan.callbacks)
        assert checkpoint is not None
        self._checkpoint, self._trainer, self._source = checkpoint, run.trainer, source
        self._keepers: list[Any] = [each for each in plan.callbacks if hasattr(each, "replay")]
        self._order = net._row_order()
        self._best: list[dict[str, Any] | None] = []
        self.stopped: str | None = None
        self.plan = plan
        self._last = plan.epochs
        self._description = _as_json(_description(net, run, source, plan))
        if os.path.exists(checkpoint.path):
            try:
                self._continue(net)
            except Exception as error:
                raise RefusedError(error) from error

    def _continue(self, net: Any) -> None:
        """Set network, trainer and source to the state in the file."""
        stored = _read(self._checkpoint.path)
        self._compare(net, stored)
        trainer, found = self._trainer, stored.run
        trainer.resume(stored.trainer)
        if self._order is None:
            trainer.set_generator(stored.trainer["rng"])
        elif found.generator is not None:
            self._order.resume(found.generator, found.order)
        if found.source:
            source: Any = self._source
            source.set_state(found.source)
        net.history = stored.history
        net._weights_changed()
        self._best, self.stopped = found.best, found.stop_reason
        self.plan = replace(self.plan, epochs=max(self._last - last_epoch(stored.history), 0))

    def _compare(self, net: Any, stored: _Stored) -> None:
        """Raise a ValueError for the first difference between the run in the file and this one."""
        tensors, document = network_file.make_content(net._parts(), __version__)
        for before, now in (
            (stored.run.description, self._description),
            (stored.document, _as_json(document)),
        ):
            difference = _difference("", before, now)
            if difference is not None:
                raise self._refusal(*difference)
        learned = {name: array for name, array in tensors.items() if not name.startswith(_WEIGHTS)}
        for name in [*learned, *(name for name in stored.learned if name not in learned)]:
            there, here = stored.learned.get(name), learned.get(name)
            if there is None or here is None or not np.array_equal(there, here):
                raise self._refusal(f"{name}, which is learned from the rows,")
        if len(stored.run.best) != len(self._keepers):
            raise self._refusal("the number of callbacks", len(stored.run.best), len(self._keepers))

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
        generator, order = (None, None) if self._order is None else self._order.state()
        state = RunState(
            self._description,
            reason,
            [each.best_weights for each in self._keepers],
            generator,
            order,
            self._checkpoint.seed,
            _source_state(self._source),
        )
        model: Any = net
        tensors, documents = model._checkpoint_content()
        more, document = run_file.make_content(state)
        write_tensors(self._checkpoint.path, tensors | more, documents | document)


class _Stored(NamedTuple):
    """Content of a checkpoint: documents, tensors that are learned from the rows, and states."""

    document: dict[str, Any]
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
        names = [name for name in file.keys() if not name.startswith((*_WEIGHTS, network_file.TRAINING))]  # noqa: SIM118
        learned = {name: file.get_tensor(name) for name in names}
        return _Stored(described.document, learned, run, *checkpoint_file.parse_training(file, parts))


def _source_state(source: Any) -> dict[str, Any]:
    return source.state() if hasattr(source, "state") else {}


# ---- description of a call


def _description(net: Any, run: Run, source: Any, plan: Plan) -> dict[str, Any]:
    """Return everything that determines the result of a call of fit, beside the network itself."""
    return {
        "parameter": net._run_parameters(),
        "optimizer": to_config(net.optimizer),
        "argument": {
            "epochs": plan.epochs,
            "batch_size": plan.batch_size if run.data is None else run.data.batches.size,
            "shuffle": plan.shuffle,
            "drop_last": plan.drop_last,
            "averaging": plan.averaging and plan.averaging.start,
            "metrics": [metric.name for metric in plan.metrics],
        },
        "callbacks": [
            _described(each) for each in plan.callbacks if type(each) in (EarlyStopping, Plateau, Target)
        ],
        "rows": getattr(source, "description", dict)()
        if run.data is None
        else _rows(run.data, run.objective.weights),
        "validation rows": None
        if run.held_out is None
        else _hashes(run.held_out.X, run.held_out.y, run.held_out.weights),
    }


def _described(callback: Any) -> dict[str, Any]:
    values = {name: value for name, value in vars(callback).items() if name[0] != "_"}
    monitor = values.pop("monitor")
    column = {"monitor": monitor.column, "rises": monitor.rises, "min_delta": monitor.min_delta}
    simple = {name: value for name, value in values.items() if isinstance(value, _SIMPLE)}
    return {"callback": type(callback).__name__, **column, **simple}


def _rows(data: Data, weights: Array | None) -> dict[str, Any]:
    X, y, batches = data
    described = {"number": batches.n_rows, **_hashes(X, y, weights)}
    return described | {"hash of the training rows": None if batches.rows is None else _hash(batches.rows)}


def _hashes(X: Samples, y: Array, weights: Array | None) -> dict[str, Any]:
    arrays = [X] if isinstance(X, np.ndarray) else [X.data, X.indices, X.indptr]
    return {
        "shape of X": list(X.shape),
        "hash of X": _hash(*arrays),
        "hash of y": _hash(y),
        "hash of the weights": None if weights is None else _hash(weights),
    }


def _hash(*arrays: Array) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.dtype.str.encode())
        for piece in numbers(array):
            digest.update(piece)
    return digest.hexdigest()[:16]


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=lambda number: number.item()))  # scalars of NumPy


def _difference(path: str, before: Any, now: Any) -> tuple[str, Any, Any] | None:
    """Return the path of the first difference between two JSON values and both values there; None if they are equal."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*before, *(name for name in now if name not in before)]:
            inner = f"{path}.{name}" if path else name
            found = None if inner in _NOT_COMPARED else _difference(inner, before.get(name), now.get(name))
            if found is not None:
                return found
        return None
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return next(filter(None, (_difference(f"{path}[{i}]", *pair) for i, pair in pairs)), None)
    return None if before == now and type(before) is type(now) else (path, before, now)
