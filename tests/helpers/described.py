"""Evaluation of a Description in plain NumPy, in float64: the oracle of conversions, written to be read."""

import numpy as np
import reference
from compiled_nn.preprocessing.columns import Categorical, LeftOut, Numeric

DAY, HOUR = 86_400_000_000, 3_600_000_000  # microseconds


def encoded(description, columns):
    """Return the numbers (m, n_columns) of columns of X, each (m,), as `Probe.columns`."""
    if description.columns is None:
        return np.stack(columns, axis=1).astype(np.float64)
    numbers, indicators, categories = [], [], []
    for fitted, values in zip(description.columns, columns, strict=True):
        if isinstance(fitted, LeftOut):
            continue
        if isinstance(fitted, Categorical):
            categories += one_hot(fitted, values)
            continue
        if isinstance(fitted, Numeric):
            missing, found, means = np.isnan(values), [values], [fitted.mean]
        else:
            missing, means = np.isnat(values), fitted.means
            found = [date_part(part, values, fitted.first) for part in fitted.parts]
        numbers += [np.where(missing, mean, part) for part, mean in zip(found, means, strict=True)]
        if fitted.indicator:
            indicators.append(missing)
    return np.stack([*numbers, *indicators, *categories], axis=1).astype(np.float64)


def one_hot(fitted, values):
    found = [np.array([value == category for value in values]) for category in fitted.categories]
    if fitted.rare:
        missing = np.array([value is None or value != value for value in values])
        found.append(~missing & ~np.any([np.zeros(len(values), bool), *found], axis=0))
    return found


def date_part(part, values, first):
    moments = np.where(np.isnat(values), np.datetime64(0, "us"), values)
    objects = [moment.astype(object) for moment in moments]  # of the module datetime
    return {
        "days": (moments.astype(np.int64) - float(first)) / DAY,
        "year": [moment.year for moment in objects],
        "month": [moment.month for moment in objects],
        "day": [moment.day for moment in objects],
        "weekday": [moment.weekday() for moment in objects],
        "hour": (moments.astype(np.int64) % DAY) / HOUR,
    }[part]


def first_inputs(description, chain, X):
    z = X * description.scale if chain.mean is None else (X - chain.mean) / chain.deviation
    bins = description.bins
    clipped = z.copy()
    clipped[:, : description.n_clipped] = reference.smooth_clip(z[:, : description.n_clipped])
    if bins is None:
        return clipped
    positions = (z[:, bins.sources] - bins.lower) * bins.factor
    return np.concatenate([clipped, np.clip(positions, bins.low, bins.high)], axis=1)


def activate(name, z):
    return np.asarray(reference.ACTIVATIONS[name][0](z), np.float64)


def logits(description, chain, X):
    a = first_inputs(description, chain, X)
    for layer in chain.layers:
        u = a @ layer.weight.astype(np.float64)
        if layer.norm is not None:
            u = layer.gain * reference.normalize(layer.norm, u)
        u = u if layer.bias is None else u + layer.bias
        if layer is chain.layers[-1]:
            return u
        a = activate(layer.activation, u) + (a if layer.residual else 0.0)
    raise AssertionError


def log_probabilities(link, z):
    """Return log P of the classes (m, n) for a softmax, of both classes (2, m, n) for sigmoids."""
    if link == "softmax":
        z = z - z.max(axis=1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return np.stack([-np.logaddexp(0, -z), -np.logaddexp(0, z)])


def outputs(description, X):
    """Return the outputs before and after the link (m, n), for numbers X (m, n_columns); values in units of y."""
    loss, link = description.loss, description.link
    zs = [logits(description, chain, X) for chain in description.networks]
    if len(zs) == 1:
        before, after = zs[0], activate(link, zs[0])
    elif loss.classifies and not loss.ordered:
        logs = [np.log(w) + log_probabilities(link, z) for w, z in zip(description.weights, zs, strict=True)]
        mean = np.logaddexp.reduce(logs)
        before = (mean if link == "softmax" else mean[0] - mean[1]) / description.temperature
        after = activate(link, before)
    else:
        linked = [activate(link, z) for z in zs]
        forms = [
            loss.to_mean(each, linked[0]) * w for w, each in zip(description.weights, linked, strict=True)
        ]
        before = after = loss.from_mean(np.sum(forms, axis=0), linked[0])
        if link == "exp":
            before = np.log(after)
        elif link != "identity":
            before = np.average(zs, axis=0, weights=description.weights)
    if description.factor is not None:
        before, after = (each * description.factor + description.shift for each in (before, after))
    return before, after


def answers(description, columns):
    """Return what `exchange.verification.answers` returns, and the outputs before the link."""
    before, after = outputs(description, encoded(description, columns))
    loss = description.loss
    if not loss.classifies:
        found = {"values": loss.values(after)}
        if loss.name == "gaussian_nll":
            found["deviations"] = loss.deviations(after)
        return found, before
    if description.kind == "indicator":
        return {"label": (after >= 0.5).astype(np.int64), "probabilities": after}, before
    if description.is_certain:
        return {
            "label": np.repeat(description.classes, len(after)),
            "probabilities": np.ones((len(after), 1)),
        }, before
    probabilities = loss.probabilities(after)
    if probabilities.shape[1] == 1:
        probabilities = np.concatenate([1 - probabilities, probabilities], axis=1)
    label = description.classes[loss.class_indices(after)]
    return {"label": label, "probabilities": probabilities}, before
