"""States of members of an ensemble in training, as objects that can be pickled and sent to other processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .history import new_history
from .member import Member
from .stacks import Stack, new_stack, stack_like
from .trainer import Trainer
from .weights import copy_layers, layer_views

if TYPE_CHECKING:
    from ..spec.configuration import Configuration

_DERIVED = ("objective", "validating")  # attributes that follow from the configuration and the data
_KEPT = ("best", "last_finite")  # attributes that are stacks


def state_of(member: Member, *, kept: bool = True) -> dict[str, Any]:
    """Return the state of a member, from which :func:`member_of` makes one that is trained further with the same bits.

    `kept`: with the weights that it predicts with, its validation rows and its history, which training does not need.
    """
    state = {name: value for name, value in vars(member).items() if name not in _DERIVED}
    state["trainer"] = member.trainer.state()
    if not kept:
        return state | {"rows": None, "history": new_history(), **dict.fromkeys(_KEPT)}
    return state | {name: layers_of(getattr(member, name)) for name in _KEPT}


def member_of(state: dict[str, Any]) -> Member:
    """Return a member with a state; its objectives are not set."""
    c, stack = state["configuration"], new_stack(state["configuration"], state["trainer"]["layers"])
    if state["dropped"] == "diverged":  # it is not trained further, and may have moments that are not finite
        trainer = Trainer(stack, state["trainer"]["seed"])
    else:
        trainer = Trainer.restored(stack, state["trainer"])
    member = Member(state["index"], c, trainer)
    vars(member).update(state | {"trainer": trainer})
    for name in _KEPT:
        setattr(member, name, stack_of(state[name], trainer.stack, c))
    return member


def layers_of(stack: Stack | None) -> Any:
    """Return copies of the weights of a stack; None without one."""
    return None if stack is None else copy_layers(layer_views(stack.present(averaged=True)))


def stack_of(layers: Any, like: Stack, configuration: Configuration) -> Stack | None:
    """Return a stack with these weights that reads its inputs as another one; None without weights."""
    return None if layers is None else stack_like(like, layers, configuration)
