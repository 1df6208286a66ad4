"""Training that is alone with its model: meanwhile other calls that would change the model are refused.

Calls that would train a quantised model, or change its weights, are always refused.
"""

from __future__ import annotations

import os
from _thread import RLock, get_ident
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_KEY = "_training"  # of the attribute that a model has while it is trained
_running: set[Training] = set()

# Held for some instructions, while attributes that belong together are set or read; in a child of fork it is free.
switching = RLock()


class Training:
    """Training of a model by one thread.

    Attributes
    ----------
    thread : int
        Identifier of the thread.
    may_change : bool
        Whether this thread may change the model, as in callbacks between two epochs.
    has_ended : bool
        Whether training has ended, or the thread does not exist in this process, a child of fork.
    """

    __slots__ = ("has_ended", "may_change", "thread")

    def __init__(self) -> None:
        self.thread = get_ident()
        self.may_change = self.has_ended = False


def exclusive(owner: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator of methods that train: while one of them runs, calls of others for the same model are refused.

    Parameters
    ----------
    owner : str
        Name of the class in the error; empty for that of the model.

    Raises
    ------
    RuntimeError
        By the decorated method, if the model is being trained, or is quantised. The model is unchanged.
    """

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        name = "training" if method.__name__.startswith("_") else method.__name__

        @wraps(method)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if not args:
                return method(*args, **kwargs)  # raises the error of a call without a model
            model, training = args[0], Training()
            check_not_quantized(model, name, owner)
            try:
                with switching:
                    if training_of(model) is not None:
                        raise _refusal(model, owner, "another call of fit or partial_fit")
                    # Not in `vars(model)`: Python reads attributes more slowly once this dict has been made.
                    object.__setattr__(model, _KEY, training)
                _running.add(training)
                return method(*args, **kwargs)
            finally:
                training.has_ended = True  # first, because Ctrl-C may end the rest
                _running.discard(training)
                # A signal handler that trains between the two lines has deleted the attribute already.
                with switching, suppress(AttributeError):
                    if getattr(model, _KEY, None) is training:
                        object.__delattr__(model, _KEY)

        return call

    return decorate


def training_of(model: object) -> Training | None:
    """Return the training of a model; None if it is not being trained."""
    training: Training | None = getattr(model, _KEY, None)
    return None if training is None or training.has_ended else training


def is_elsewhere(model: object) -> bool:
    """Return whether another thread trains a model."""
    training = training_of(model)
    return training is not None and training.thread != get_ident()


def may_change(model: object) -> bool:
    """Return whether this thread may change a model now: it is not being trained, or in a callback between epochs."""
    training = training_of(model)
    return training is None or (training.may_change and training.thread == get_ident())


def check_change(model: object, what: str, owner: str = "") -> None:
    """Raise RuntimeError if this thread may not change the weights of a model now; `what` names the change."""
    check_not_quantized(model, what, owner)
    check_not_trained(model, what, owner)


def check_not_quantized(model: object, what: str, owner: str = "") -> None:
    """Raise RuntimeError if a model is quantised, so that its weights are fixed; `what` names the change."""
    if getattr(model, "_is_quantized", False):
        raise RuntimeError(
            f"This {owner or type(model).__name__} is quantised to int8 and only predicts, so {what} is refused. Use"
            " the model that quantize was called on, and quantise it again."
        )


def check_not_trained(model: object, what: str, owner: str = "") -> None:
    """Raise RuntimeError if a model is being trained by another caller; `what` names the change."""
    if not may_change(model):
        raise _refusal(model, owner, what)


def check_kept(model: object, is_kept: bool, what: str, owner: str = "") -> None:
    """Raise RuntimeError if a model is being trained and its training relies on what a change does not keep."""
    if not is_kept and training_of(model) is not None:
        raise _refusal(model, owner, what)


def _refusal(model: object, owner: str, what: str) -> RuntimeError:
    return RuntimeError(
        f"This {owner or type(model).__name__} is being trained, so {what} is refused; nothing has changed. Wait until"
        " training has ended, or train a copy (copy.deepcopy). The callbacks of this training may set weights and the"
        " optimizer before and after an epoch, but not train."
    )


class BetweenEpochs:
    """Context in which callbacks of the training of a model may change the model."""

    __slots__ = ("_training",)

    def __init__(self, model: object) -> None:
        self._training = training_of(model)

    def __enter__(self) -> None:
        if self._training is not None:
            self._training.may_change = True

    def __exit__(self, *_: object) -> None:
        if self._training is not None:
            self._training.may_change = False


def stored(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a model that copies and pickles of it have: all but its training."""
    return {name: value for name, value in attributes.items() if name != _KEY}


def _end_other_trainings() -> None:
    """In a child of fork: end the training by threads that only the parent has."""
    switching.release()
    for training in _running:
        training.has_ended = training.has_ended or training.thread != get_ident()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=switching.acquire, after_in_parent=switching.release, after_in_child=_end_other_trainings
    )
