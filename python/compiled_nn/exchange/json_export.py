"""Export to JSON: everything that a model computes as plain numbers, for a short reader in any language.

docs/guide/devices.md describes the keys, and has a reader in JavaScript.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._version import __version__
from ..common.text import is_unicode
from ..data.arrays import Array
from ..files import places
from ..preprocessing.columns import Categorical, LeftOut, Numeric
from ..preprocessing.dates import Date
from . import verification
from .description import Chain, DenseLayer, Description
from .to_c import export as to_c
from .to_c.plan import make_plan
from .verification import Verification

if TYPE_CHECKING:
    from ..artefact.predictor import Predictor
    from ..files.places import Writable

FORMAT = "compiled-nn model"
VERSION = 1
_LARGEST = 1 << 53  # whole number up to which JavaScript has all
_FORMS = {"quantile": "quantile", "gaussian_nll": "gaussian", "ordinal": "ordinal"}


def export(description: Description, predictor: Predictor, path: Writable) -> Verification:
    """Write a JSON file; documented in :meth:`compiled_nn.Network.to_json`."""
    _check(description)
    content = _content(description)
    # The numbers of the text, which is read again, must predict what the model predicts.
    read = replace(description, networks=tuple(map(_read_chain, json.loads(json.dumps(content))["networks"])))
    plan = make_plan(replace(read, dtype="float64"), "float64")
    probe = verification.probe_rows(description, predictor)
    ours = verification.answers(description, predictor, probe.X)
    theirs = to_c.emulated_answers(plan, to_c.inputs(plan, probe))
    against = f"an emulation in numpy {np.__version__}"
    result = verification.check(ours, theirs, description.dtype, against, what="JSON file")
    content["verification"] = result.to_config()
    places.write(path, [json.dumps(content, ensure_ascii=False, allow_nan=False).encode()])
    return result


def _check(description: Description) -> None:
    """Raise ValueError for a model that the reader cannot compute."""
    for title, column in zip(description.titles, description.columns or (), strict=False):
        if isinstance(column, Date):
            raise ValueError(
                f"Column {title!r} holds dates, which the JSON form does not have. Convert it to numbers, or use"
                " to_onnx or to_c."
            )
    if description.is_certain:
        raise ValueError(
            "The model was fitted on one class, so that there is nothing to compute. JSON has no form for it."
        )
    if description.temperature != 1 and description.kind == "indicator":
        raise ValueError(
            "The model is a calibrated ensemble with several labels for each row, whose mean the JSON form does not"
            " have. Use to_onnx or to_c, or export without the calibration."
        )


def _content(description: Description) -> dict[str, Any]:
    """Return the content of the file."""
    d, bins = description, description.bins
    form = _FORMS.get(d.loss.name, "values" if d.classes is None else "classes")
    return {
        "format": FORMAT,
        "version": VERSION,
        "library": f"compiled-nn {__version__}",
        "inputs": _inputs(d),
        "scale": d.scale,
        "clipped": d.n_clipped,
        "bins": None
        if bins is None
        else {key: _plain(getattr(bins, key)) for key in ("sources", "lower", "factor", "low", "high")},
        "networks": [
            {
                "share": share,
                "mean": _plain(chain.mean),
                "deviation": _plain(chain.deviation),
                "layers": [_layer(layer) for layer in chain.layers],
            }
            for share, chain in zip(d.weights, d.networks, strict=True)
        ],
        "link": d.link,
        "form": "labels" if d.kind == "indicator" else form,
        "temperature": d.temperature,
        "classes": None if d.classes is None else [_value(label, "label") for label in d.classes.tolist()],
        "factor": _plain(d.factor),
        "shift": _plain(d.shift),
    }


def _inputs(description: Description) -> list[dict[str, Any]]:
    """Return the columns that are used."""
    if description.columns is None:
        return [{"name": _value(title, "name")} for title in description.titles]
    found: list[dict[str, Any]] = []
    for title, column in zip(description.titles, description.columns, strict=True):
        if isinstance(column, Categorical):
            categories = [_category(each) for each in column.categories]
            found.append({"name": _value(title, "name"), "categories": categories, "rare": column.rare})
        elif isinstance(column, Numeric):
            found.append({"name": _value(title, "name"), "mean": column.mean, "indicator": column.indicator})
        else:
            assert isinstance(column, LeftOut)
    return found


def _category(value: Any) -> Any:
    """Return a category; booleans are numbers, since the reader accepts both."""
    return int(value) if isinstance(value, bool) else _value(value, "category")


def _layer(layer: DenseLayer) -> dict[str, Any]:
    return {
        "weight": _plain(layer.weight.T),
        "bias": _plain(layer.bias),
        "activation": layer.activation,
        "norm": layer.norm,
        "gain": _plain(layer.gain),
        "residual": layer.residual,
    }


def _read_chain(content: dict[str, Any]) -> Chain:
    """Return the network of the content of a file, in float64."""
    layers = tuple(
        DenseLayer(
            np.ascontiguousarray(np.array(layer["weight"], np.float64).T),
            _array(layer["bias"]),
            layer["activation"],
            layer["norm"],
            _array(layer["gain"]),
            layer["residual"],
        )
        for layer in content["layers"]
    )
    return Chain(layers, _array(content["mean"]), _array(content["deviation"]))


def _array(numbers: list[float] | None) -> Array | None:
    return None if numbers is None else np.array(numbers, np.float64)


def _plain(numbers: Array | None) -> Any:
    """Return numbers as lists, each with the fewest digits from which its dtype restores it."""
    if numbers is None:
        return None
    if numbers.dtype != np.float32:
        return numbers.tolist()
    flat: Array = np.array([float(str(each)) for each in numbers.ravel()])
    return flat.reshape(numbers.shape).tolist()


def _value(value: Any, what: str) -> Any:
    """Return a label, a category or a name of a column as a text, a number or a bool."""
    if isinstance(value, bytes):
        raise ValueError(
            f"The {what} {value!r} is bytes, which JSON cannot express. Convert it to text before fit."
        )
    if isinstance(value, str) and not is_unicode(value):
        raise ValueError(
            f"The {what} {value!r} has surrogates, which are not Unicode. JSON has no such text."
        )
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise ValueError(
            f"The {what} {value} is beyond 2**53, where JavaScript rounds whole numbers. Convert it to text before fit."
        )
    return value
