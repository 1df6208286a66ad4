"""Continued training of an estimator: parameters that were changed since the last call are applied, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..spec.configuration import Configuration, configure
from ..spec.layers import Dense

if TYPE_CHECKING:
    from ..losses import Loss

# Attributes of a hidden layer that cannot change, and the parameters that set them.
_LAYER_PARAMETERS = {
    "units": "hidden_layer_sizes",
    "activation": "activation",
    "norm": "norm",
    "residual": "residual",
}
_FIXED = (
    *("dtype", "precision", "input_scale", "standardize", "scale_targets"),
    *("categorical_features", "min_frequency", "column_types", "embeddings", "numeric_embeddings"),
)
# Parameters of the initial weights, which are drawn once.
INITIAL = ("init", "coefs_init", "intercepts_init")


def requested(
    present: Configuration, layers: list[Dense], loss: Loss, options: dict[str, Any]
) -> Configuration:
    """Return a configuration of the fitted layers with the present parameters of the estimator.

    Parameters
    ----------
    present : Configuration
        Configuration of the fitted network.
    layers : list of Dense
        Layers for the present parameters, without an embedding layer.
    loss : Loss
        Loss for the present parameters.
    options : dict
        Parameters that are passed to the network unchanged.

    Raises
    ------
    ValueError
        If a parameter cannot be applied to a network with weights.
    """
    embedding = present.layers[:1] if present.layers[0].blocks else ()
    _check_layers(present.layers[len(embedding) :], layers)
    new = configure((*embedding, *layers), loss, **options)
    for name in _FIXED:
        if getattr(new, name) != getattr(present, name):
            raise ValueError(_refusal(name, options[name], getattr(present, name)))
    if _outputs(new) != _outputs(present):
        raise ValueError(_refusal("loss", new.loss, present.loss, "whose outputs have another meaning"))
    return new.replace(optimizer=present.optimizer, seed=present.seed, l1=present.l1, l2=present.l2)


def _outputs(configuration: Configuration) -> tuple[object, ...]:
    """Return the meaning of the outputs of a network: two losses can replace each other where it is equal."""
    loss = configuration.loss
    return loss.link, loss.ordered, loss.n_columns(configuration.n_outputs), getattr(loss, "quantiles", None)


def _check_layers(present: tuple[Dense, ...], new: list[Dense]) -> None:
    """Raise ValueError where a parameter of the layers differs."""
    for attribute, name in _LAYER_PARAMETERS.items():
        after, before = ([getattr(layer, attribute) for layer in layers[:-1]] for layers in (new, present))
        if after != before:
            raise ValueError(
                f"{name} is {after} for the hidden layers; the fitted network has {before}. Set it back, or fit with"
                " warm_start=False."
            )
    for attribute, name in (("bias", "use_bias"), ("activation", "output_activation")):
        after, before = (getattr(layers[-1], attribute) for layers in (new, present))
        if after != before:
            raise ValueError(_refusal(name, after, before))


def check_initial(name: str, before: object, after: object) -> None:
    """Raise ValueError if a parameter of the initial weights has changed since they were drawn."""
    if not _same(before, after):
        raise ValueError(
            f"{name} has changed since the initial weights were drawn, and training continues from the present weights."
            " Set it back, assign coefs_, or fit with warm_start=False."
        )


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    return a is b or bool(np.array_equal(a, b))


def _refusal(name: str, new: object, old: object, detail: str = "") -> str:
    detail = f", {detail}" if detail else ""
    return f"{name} is {new!r}; the fitted network has {old!r}{detail}. Set it back, or fit with warm_start=False."
