"""Evaluation of a plan in NumPy, with the arithmetic of the C code: each sum of products in the same order and dtype.

It takes the place of the C compiler where there is none, and shows what int8 changes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...common import arithmetic
from ...data.arrays import Array
from ..description import EPSILON, LIMIT
from .fields import encode
from .plan import LARGEST

if TYPE_CHECKING:
    from .plan import Plan, PlannedLayer, PlannedNetwork

BLOCK = 16  # products that are summed before they are added to the sum of a unit


def outputs(plan: Plan, x: Array) -> tuple[Array, Array]:
    """Return results (m,) and outputs (m, n_outputs) of the C function for rows of inputs (m, n_inputs)."""
    with np.errstate(all="ignore"):
        return outputs_of(plan, *encode(plan.fields, x))


def outputs_of(plan: Plan, numbers: Array, at: Array) -> tuple[Array, Array]:
    """Return the same for encoded rows."""
    with np.errstate(all="ignore"):
        return _results(plan, _logits(plan, numbers, at))


def _logits(plan: Plan, numbers: Array, at: Array) -> list[Array]:
    """Return the outputs before the link of each network."""
    found = []
    for network in plan.networks:
        a = _first_inputs(plan, network, numbers)
        for k, layer in enumerate(network.layers):
            u = _sums(layer, a, at if k == 0 else None)
            if layer.norm is not None:
                u = _normalized(layer, u)
            if layer.bias is not None:
                u = u + layer.bias
            if k < len(network.layers) - 1:
                u = arithmetic.activate(layer.activation, u) + (a if layer.residual else u.dtype.type(0))
            a = u
        found.append(a)
    return found


def _first_inputs(plan: Plan, network: PlannedNetwork, v: Array) -> Array:
    real = v.dtype.type
    if network.centre is None:
        z = v * real(plan.description.scale)
    else:
        z = ((v - network.centre) - network.rest) / network.deviation
    clipped: Array = z.copy()
    n = plan.description.n_clipped
    t = z[:, :n] / real(LIMIT)
    clipped[:, :n] = z[:, :n] / np.sqrt(real(1) + t * t)
    if plan.bins is None:
        return clipped
    bins = plan.bins
    positions = (z[:, bins.sources] - bins.lower) * bins.factor
    return np.concatenate([clipped, np.clip(positions, bins.low, bins.high)], axis=1)


def _sums(layer: PlannedLayer, a: Array, at: Array | None) -> Array:
    """Return W a, and the rows of the table."""
    if layer.factors is not None:
        return _quantized_sums(layer, a, at)
    u = np.zeros((len(a), len(layer.weight)), a.dtype)
    for start in range(0, a.shape[1], BLOCK):
        part = np.zeros_like(u)
        for i in range(start, min(start + BLOCK, a.shape[1])):
            part += a[:, i : i + 1] * layer.weight[:, i]
        u += part
    if layer.table is not None and at is not None:
        for rows in at.T:
            u += np.where(rows[:, np.newaxis] >= 0, layer.table[rows], layer.table.dtype.type(0))
    return u


def _quantized_sums(layer: PlannedLayer, a: Array, at: Array | None) -> Array:
    assert layer.factors is not None
    q = np.clip(np.rint((a - layer.middle) / layer.step), -LARGEST, LARGEST)
    total = arithmetic.matmul(q, np.ascontiguousarray(layer.weight.T))  # whole numbers: exact
    result: Array = total.astype(np.float32) * layer.factors
    if layer.table is not None and at is not None:
        for rows in at.T:
            chosen = np.where(rows[:, np.newaxis] >= 0, layer.table[rows], np.int8(0))
            result += layer.factors * (np.float32(LARGEST) * chosen)
    return result


def _normalized(layer: PlannedLayer, u: Array) -> Array:
    n, real = u.shape[1], u.dtype.type
    if layer.norm == "layer":
        u = u - _in_order(u)[:, np.newaxis] / real(n)
    squares = _in_order(u * u)[:, np.newaxis] / real(n)
    normalized: Array = u * (real(1) / np.sqrt(squares + real(EPSILON))) * layer.gain
    return normalized


def _in_order(u: Array) -> Array:
    """Return the sum of each row, added from the left."""
    total = np.zeros(len(u), u.dtype)
    for column in u.T:
        total += column
    return total


# ---- outputs


def _results(plan: Plan, logits: list[Array]) -> tuple[Array, Array]:
    description = plan.description
    if description.is_certain:
        return np.zeros(len(logits[0]), int), np.ones((len(logits[0]), 1), logits[0].dtype)
    if description.loss.ordered:
        return _ordered(plan, logits)
    if description.classes is not None:
        out = _probabilities(plan, logits)
        if description.kind == "indicator":
            return np.zeros(len(out), int), out
        if description.n_outputs == 1:
            return (out[:, 1] >= 0.5).astype(int), out
        return out.argmax(axis=1), out
    out = _values(plan, [arithmetic.activate(description.link, z) for z in logits])
    return np.zeros(len(out), int), out


def _mean(plan: Plan, forms: list[Array]) -> Array:
    if len(forms) == 1:
        return forms[0]
    total = np.zeros_like(forms[0])
    for weight, form in zip(plan.description.weights, forms, strict=True):
        total += total.dtype.type(weight) * form
    return total


def _ordered(plan: Plan, logits: list[Array]) -> tuple[Array, Array]:
    loss, real = plan.description.loss, logits[0].dtype.type
    above = _mean(plan, [arithmetic.activate("sigmoid", loss.exceedance(z)) for z in logits])  # type: ignore[attr-defined]
    edge = np.ones((len(above), 1), above.dtype)
    steps = np.concatenate([edge, above, real(0) * edge], axis=1)
    return (above >= 0.5).sum(axis=1), steps[:, :-1] - steps[:, 1:]


def _probabilities(plan: Plan, logits: list[Array]) -> Array:
    description, link = plan.description, plan.description.link
    real = logits[0].dtype.type
    if len(logits) > 1 and description.temperature != 1:
        logits = [_log_mean(plan, logits) / real(description.temperature)]
    if description.n_outputs == 1:
        logits = [np.concatenate([-z, z], axis=1) for z in logits]
    linked = [arithmetic.activate(link, z) for z in logits]
    return linked[0] if len(linked) == 1 else _mean(plan, linked)


def _log_mean(plan: Plan, logits: list[Array]) -> Array:
    """Return logits whose link is the mean of the probabilities."""
    trues, falses, real = [], [], logits[0].dtype.type
    for weight, z in zip(plan.description.weights, logits, strict=True):
        share = real(math.log(weight))
        if plan.description.link == "softmax":
            z = z - z.max(axis=1, keepdims=True)
            trues.append(z - arithmetic.log(_in_order(arithmetic.activate("exp", z)))[:, np.newaxis] + share)
        else:
            trues.append(share - np.logaddexp(real(0), -z))
            falses.append(share - np.logaddexp(real(0), z))
    total: Array = np.logaddexp.reduce(trues)
    if falses:
        total = total - np.logaddexp.reduce(falses)
    return total


def _values(plan: Plan, linked: list[Array]) -> Array:
    description, real = plan.description, linked[0].dtype.type
    if description.factor is not None and description.shift is not None:
        linked = [z * description.factor.astype(z.dtype) + description.shift.astype(z.dtype) for z in linked]
    name, n = description.loss.name, description.n_outputs // 2
    if name == "quantile":
        return _mean(plan, [np.sort(z, axis=1) for z in linked])
    if name != "gaussian_nll":
        return _mean(plan, linked)
    first = linked[0][:, :n]
    mean, variance = _mean(plan, [z[:, :n] for z in linked]), arithmetic.activate("exp", linked[0][:, n:])
    if len(linked) > 1:
        forms = [
            arithmetic.activate("exp", z[:, n:]) + (z[:, :n] - first) * (z[:, :n] - first) for z in linked
        ]
        variance = np.maximum(_mean(plan, forms) - (mean - first) * (mean - first), real(0))
    return np.concatenate([mean, np.sqrt(variance)], axis=1)
