"""Modules of PyTorch for the parts of a model that ``torch.nn`` does not have; to_torch puts them into a Sequential.

The module is imported only where PyTorch is installed. Buffers have the dtype of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data.arrays import Array


class Affine(nn.Module):
    """x * factor + shift, for all units or for each of them."""

    def __init__(self, factor: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("factor", factor)
        self.register_buffer("shift", shift)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scaled units."""
        return x * self.factor + self.shift


class Standardize(nn.Module):
    """(x - mean) / deviation for each column.

    The mean and the reciprocal of the deviation are each the sum of two numbers of the dtype, so that X may be far from
    0: for float32, the result is as precise as from float64.
    """

    def __init__(self, mean: Array, deviation: Array, dtype: str) -> None:
        super().__init__()
        for name, exact in (("mean", mean), ("factor", 1 / np.asarray(deviation, np.float64))):
            first = np.asarray(exact, dtype)
            self.register_buffer(name, torch.tensor(first))
            self.register_buffer(
                f"{name}_rest", torch.tensor((exact - first.astype(np.float64)).astype(dtype))
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return the standardised columns."""
        centred = (x - self.mean) - self.mean_rest
        return centred * self.factor + centred * self.factor_rest


class Encode(nn.Module):
    """Smooth clip of the first columns, and positions in the bins of columns, which follow as further columns."""

    def __init__(self, n_clipped: int, limit: float, bins: Sequence[Tensor] | None) -> None:
        super().__init__()
        self.n_clipped, self.limit = n_clipped, limit
        for name, each in zip(("sources", "lower", "factor", "low", "high"), bins or (), strict=False):
            self.register_buffer(name, each)
        self.has_bins = bins is not None

    def forward(self, x: Tensor) -> Tensor:
        """Return the clipped columns, then the positions in the bins."""
        head = x[:, : self.n_clipped]
        parts = [head / torch.sqrt(1 + (head / self.limit) ** 2), x[:, self.n_clipped :]]
        if self.has_bins:
            sources: Any = self.sources
            positions = (x[:, sources] - self.lower) * self.factor
            parts.append(torch.minimum(torch.maximum(positions, self.low), self.high))
        return torch.cat(parts, dim=1)


class Activation(nn.Module):
    """Activation that ``torch.nn`` does not have: "exp", or "sine" of numbers clipped to [-8192, 8192]."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of each unit."""
        return torch.exp(x) if self.name == "exp" else torch.sin(torch.clamp(x, -8192.0, 8192.0))

    def extra_repr(self) -> str:
        """Return the name."""
        return self.name


class Residual(nn.Sequential):
    """x + the outputs of the modules that it contains."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum."""
        result: Tensor = x + super().forward(x)
        return result


class Sorted(nn.Module):
    """Outputs of each row in increasing order: quantiles, which may cross."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the sorted outputs."""
        return torch.sort(x, dim=1).values


class Ordinal(nn.Module):
    """Probabilities of ordered classes (m, n + 1) from the outputs (m, n) of the loss "ordinal"."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the probability of each class."""
        steps = torch.cat([x[:, :1], -nn.functional.softplus(x[:, 1:], threshold=40)], dim=1)
        return _differences(torch.sigmoid(torch.cumsum(steps, dim=1)))


class Mean(nn.Module):
    """Weighted mean of the outputs of several networks.

    Parameters
    ----------
    networks : sequence of nn.Module
        Networks with equal inputs and outputs.
    weights : sequence of float
        Weight of each network.
    form : {"linear", "gaussian"}
        "linear": the mean of the outputs. "gaussian": mean and log variance of the mixture of the distributions.
    """

    def __init__(self, networks: Sequence[nn.Module], weights: Sequence[float], form: str) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.weights, self.form = tuple(weights), form

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean."""
        outputs = [network(x) for network in self.networks]
        mean = torch.stack([weight * each for weight, each in zip(self.weights, outputs, strict=True)]).sum(
            dim=0
        )
        return self._mixture(outputs, mean) if self.form == "gaussian" else mean

    def _mixture(self, outputs: Sequence[Tensor], mean: Tensor) -> Tensor:
        n = mean.shape[1] // 2
        second = torch.stack(
            [
                weight * (torch.exp(each[:, n:]) + (each[:, :n] - mean[:, :n]) ** 2)
                for weight, each in zip(self.weights, outputs, strict=True)
            ]
        )
        return torch.cat([mean[:, :n], torch.log(second.sum(dim=0))], dim=1)


class Temper(nn.Module):
    """Probabilities whose logits are divided by a temperature, or these logits.

    Parameters
    ----------
    temperature : float
        Temperature.
    link : {"softmax", "sigmoid"}
        Link of the probabilities.
    logits : bool
        Whether the logits are the result.
    """

    def __init__(self, temperature: float, link: str, logits: bool) -> None:
        super().__init__()
        self.temperature, self.link, self.logits = temperature, link, logits

    def forward(self, x: Tensor) -> Tensor:
        """Return probabilities or logits."""
        if self.link == "softmax":
            z = torch.log(torch.clamp(x, min=torch.finfo(x.dtype).tiny)) / self.temperature
        else:
            z = torch.logit(x) / self.temperature
        if self.logits:
            return z
        return torch.softmax(z, dim=1) if self.link == "softmax" else torch.sigmoid(z)


def _differences(above: Tensor) -> Tensor:
    """Return the probabilities of classes (m, n + 1) from those of the classes above each threshold (m, n)."""
    edge = torch.ones_like(above[:, :1])
    return -torch.diff(torch.cat([edge, above, torch.zeros_like(edge)], dim=1), dim=1)
