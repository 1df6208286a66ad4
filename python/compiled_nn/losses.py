"""Losses by name: the link of the last layer, and whether the targets are classes or numbers."""

from __future__ import annotations

from typing import NamedTuple

from . import checks


class Loss(NamedTuple):
    """What a network must know of its loss; the formula is the core's.

    Attributes
    ----------
    name : str
        Name in the core too.
    link : str
        Activation of the last layer that belongs to it.
    classifies : bool
        Whether targets are classes (else real numbers).
    min_outputs : int
        Fewest outputs for which it means something.
    """

    name: str
    link: str
    classifies: bool
    min_outputs: int


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("binary_cross_entropy", "sigmoid", classifies=True, min_outputs=1),
        Loss("softmax_cross_entropy", "softmax", classifies=True, min_outputs=2),
        Loss("mse", "identity", classifies=False, min_outputs=1),
    )
}


def resolve(name: object, n_outputs: int) -> Loss:
    """Return the loss called `name`, when a last layer of `n_outputs` units suits it."""
    loss = LOSSES[checks.choice("Network", "loss", name, LOSSES)]
    if n_outputs < loss.min_outputs:
        raise ValueError(
            f"{loss.name} needs {loss.min_outputs} outputs, one a class; the last layer has {n_outputs}."
            " For two classes with one output, use binary_cross_entropy."
        )
    return loss


def of_link(activation: str) -> Loss:
    """Return the loss whose last layer has this activation."""
    for loss in LOSSES.values():
        if loss.link == activation:
            return loss
    links = ", ".join(f"{loss.link!r} for {loss.name}" for loss in LOSSES.values())
    raise ValueError(f"The last layer is {activation!r}, which belongs to no loss; use {links}.")
