"""Schemas of the document of an estimator in a file: what its attributes and its progress may be.

The document is described in :mod:`compiled_nn.estimators.files`. The parameters are checked by the estimator itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import class_labels
from ..files.schemas import NOT_FINITE, array, choice, fail, integer, optional, real, record, text

if TYPE_CHECKING:
    from ..artefact.ensemble_parts import EnsembleParts
    from ..artefact.parts import Parts
    from ..data.arrays import Array
    from ..files.schemas import Check

CURVES = ("losses", "scores", "curve")  # names of the tensors of curves
_LARGEST_LABELS = 1 << 20  # bytes of all classes in a dtype that is wider than the longest of them
_ANY = tuple(NOT_FINITE)
_LABEL_DTYPE = re.compile(r"[<>|=]?([biufSUO])(\d{0,9})", re.ASCII)
_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8, 12, 16), "O": (8,)}


def _curve(check: Check) -> Check:
    """Return the check of a curve: the numbers themselves, or the name of their tensor."""
    numbers, reference = array(check), record({"tensor": choice(CURVES)})
    return lambda path, value: (reference if isinstance(value, dict) else numbers)(path, value)


_REASON = optional(text())
_LOSS, _SCORE, _COUNT = real(), real(special=_ANY), integer()
_REQUIRED = {
    "n_features_in_": integer(1),
    "n_iter_": _COUNT,
    "t_": _COUNT,
    "stop_reason_": _REASON,
    "loss_": real(special=("nan",)),
    "loss_curve_": _curve(_LOSS),
}
_OPTIONAL = {
    "best_loss_": optional(real(special=("inf",))),
    "best_iter_": _COUNT,
    "best_validation_score_": optional(_SCORE),
    "validation_scores_": optional(_curve(_SCORE)),
    "_label_dtype": text(),
    "feature_names_in_": array(text()),  # in formats before 4
}
_PROGRESS = {
    "best_loss": real(special=("inf",)),
    "best_score": real(special=("inf", "-inf")),
    "best_epoch": _COUNT,
    "stale": _COUNT,
    "rows_seen": _COUNT,
}
ATTRIBUTES = record(_REQUIRED, _OPTIONAL)
ATTRIBUTE_NAMES = (*_REQUIRED, *(name for name in _OPTIONAL if name != "feature_names_in_"))
# Progress in the two versions of the document: the curves became tensors, and "dropped" was added.
PROGRESS = {
    1: record({**_PROGRESS, "losses": array(_LOSS), "scores": array(_SCORE)}),
    2: record({**_PROGRESS, "dropped": _COUNT}),
}


def check_curve(name: str, curve: list[float]) -> None:
    """Raise a ValueError for a tensor of losses that are not finite; a score may be."""
    if name != "scores" and not np.isfinite(curve).all():
        raise ValueError(f"{name} has a loss that is not finite")


def count_dropped(progress: dict[str, Any]) -> None:
    """Add the smallest number of epochs that are no longer in the curves, which earlier files do not have."""
    latest = max(progress["best_epoch"], progress["stale"])
    progress["dropped"] = max(latest - len(progress["losses"]), 0)


def check_progress(progress: dict[str, Any]) -> None:
    """Raise a ValueError if counts of epochs in the progress contradict one another."""
    epochs = progress["dropped"] + len(progress["losses"])
    if len(progress["scores"]) > len(progress["losses"]):
        raise ValueError(
            f"progress has {len(progress['scores'])} scores; there are {len(progress['losses'])} losses of epochs"
        )
    for name in ("best_epoch", "stale"):
        if progress[name] > epochs:
            fail(f"progress.{name}", progress[name], f"at most {epochs}, the number of epochs")


def check_network(owner: type[Any], parts: Parts | EnsembleParts, n_features: int) -> None:
    """Raise a ValueError if the network in the file is not that of an estimator of class `owner`."""
    learned, kind = parts.outputs.learned, owner._kind
    if learned is None or (learned.kind == "values") != (kind == "regressor"):
        found = "nothing" if learned is None else learned.kind
        raise ValueError(f"its network predicts {found}, which does not match a {kind}")
    if n_features != parts.inputs.n_features:
        fail(
            "attributes.n_features_in_", n_features, f"{parts.inputs.n_features}, the columns of the network"
        )


def label_dtype(name: str, parts: Parts | EnsembleParts) -> np.dtype[Any]:
    """Return the dtype of the labels or values of y.

    Raises
    ------
    ValueError
        If it is not that of numbers, text or objects, or does not hold the classes of the network.
    """
    path = "attributes._label_dtype"
    match = _LABEL_DTYPE.fullmatch(name)
    if match is None:
        fail(path, name, "the dtype of labels, such as '<i8' or '<U5'")
    kind, size = match[1], int(match[2] or -1)
    if kind not in "US" and size not in (-1, *_SIZES[kind]):
        fail(path, name, "the dtype of labels, such as '<i8' or '<U5'")
    dtype = np.dtype(name)
    learned = parts.outputs.learned
    assert learned is not None  # checked by check_network
    if learned.classes is None:
        if kind not in "biufO":
            fail(path, name, "a dtype of numbers, because the network predicts values")
        return dtype
    return _of_classes(path, name, dtype, learned.classes)


def _of_classes(path: str, name: str, dtype: np.dtype[Any], classes: Array) -> np.dtype[Any]:
    """Return a dtype that holds the classes; a text that is much wider than each of them gets their width."""
    if dtype.kind == "O" or classes.dtype.kind == "O":
        return np.dtype(object)
    text = classes.dtype.kind in "US"
    if (dtype.kind != classes.dtype.kind) if text else (dtype.kind in "US"):
        fail(path, name, f"a dtype that holds the classes, which are {class_labels.kind(classes)}")
    if text:
        if dtype.itemsize < classes.dtype.itemsize:
            fail(path, name, f"a dtype that holds the classes, such as {classes.dtype.str!r}")
        fits = dtype.itemsize <= 4 * class_labels.LONGEST and dtype.itemsize * len(classes) <= _LARGEST_LABELS
        return dtype if fits else classes.dtype
    with np.errstate(all="ignore"):
        held = classes.astype(dtype)
    if not (held == classes).all():
        fail(path, name, f"a dtype that holds the classes, such as {classes.dtype.str!r}")
    return dtype
