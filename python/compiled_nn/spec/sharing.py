"""Conditions under which networks can share weights in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .activations import Activation

if TYPE_CHECKING:
    from .configuration import Configuration


def check_sharing(configurations: Sequence[Configuration]) -> None:
    """Check that networks can share the weights of all layers but the last.

    Raises
    ------
    ValueError
        If they differ in more than their seeds, or have something that shared weights do not allow.
    """
    first = configurations[0].replace(seed=None)
    for i, configuration in enumerate(configurations):
        if configuration.replace(seed=None) != first:
            raise ValueError(
                f"shared_weights=True needs members that differ in their seeds only; member {i} differs from member 0"
                " in other parameters. Pass one Network, or leave out shared_weights."
            )
    if len(first.layers) < 2:
        raise ValueError(
            "shared_weights=True has no effect on a network of 1 layer, because the last layer is each member's own."
            " Add a hidden layer, or leave out shared_weights."
        )
    refused = {
        "embeddings": first.embeddings is not None,
        "numeric_embeddings of the type Periodic": first.periodic is not None,
        f"precision={first.precision!r}": first.precision != "float32",
        "clip_norm": first.clip_norm is not None,
        "clip_value": first.clip_value is not None,
        "proximal=True": first.proximal,
        "a learning_rate of a layer": any(factor != 1 for factor in first.update["factors"] or ()),
        "an activation that is a function": any(isinstance(each, Activation) for each in first.activations),
        "a loss that is a function": callable(first.loss.core),
    }
    name = next((name for name, is_used in refused.items() if is_used), None)
    if name is not None:
        raise ValueError(
            f"shared_weights=True cannot be combined with {name}. Leave it out of the Network, or leave out"
            " shared_weights."
        )
