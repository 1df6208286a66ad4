"""Record that every file contains, in metadata that older versions skip, under the key ``compiled_nn_card``.

    format_version    1
    fingerprint       of the model, see files/fingerprint.py: 64 hexadecimal digits
    training          optional: rows, validation_rows, epochs, best_epoch, stop_reason, loss and val_loss of the last
                      fit, or some of them
    seen              optional: what training saw of the columns of X, see files/stored_seen.py

Nothing in it depends on the clock, so that equal models give equal bytes.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from . import fingerprint, stored_seen
from .documents import parse_json
from .schemas import NOT_FINITE, fail, integer, optional, real, record, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..artefact.ensemble_parts import EnsembleParts
    from ..artefact.parts import Parts
    from ..data.arrays import Array
    from .content import Content

KEY = "compiled_nn_card"
_VERSION = 1
_is_hash = re.compile(r"[0-9a-f]{64}").fullmatch


def check_hash(path: str, value: Any) -> str:
    """Check a SHA-256 as text."""
    if not isinstance(value, str) or not _is_hash(value):
        fail(path, value, "64 hexadecimal digits")
    return value


_TRAINING = record(
    {},
    {
        "rows": integer(),
        "validation_rows": integer(),
        "epochs": integer(),
        "best_epoch": integer(),
        "stop_reason": optional(text()),
        "loss": real(special=NOT_FINITE),
        "val_loss": real(special=NOT_FINITE),
    },
)
_SCHEMA = record(
    {"format_version": integer(_VERSION, _VERSION), "fingerprint": check_hash},
    {"training": _TRAINING, "seen": stored_seen.SCHEMA},
)


def documents(
    document: Mapping[str, Any], tensors: Mapping[str, Array], parts: Parts | EnsembleParts
) -> dict[str, Any]:
    """Return the key and its object for the file of a model with this document, these tensors and these parts."""
    content: dict[str, Any] = {
        "format_version": _VERSION,
        "fingerprint": fingerprint.of_tensors(document, tensors),
    }
    if parts.training:
        content["training"] = {name: _to_json(value) for name, value in parts.training.items()}
    seen = stored_seen.to_config(parts.inputs)
    if seen is not None:
        content["seen"] = seen
    return {KEY: content}


def _to_json(value: Any) -> Any:
    """Return a value; a float that is not finite by its name."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def read(file: Content) -> dict[str, Any]:
    """Return the object in an opened file; empty if an earlier version wrote the file.

    Raises
    ------
    ValueError
        If it is not valid.
    """
    found = (file.metadata() or {}).get(KEY)
    if found is None:
        return {}
    checked: dict[str, Any] = _SCHEMA("the card", parse_json(found, file.n_bytes))
    return checked


def verify(file: Content, document: Mapping[str, Any], card: Mapping[str, Any]) -> None:
    """Compare the fingerprint in a card with that of the content of its file.

    Raises
    ------
    ValueError
        If they differ.
    """
    expected = card.get("fingerprint")
    if expected is None:
        return
    found = fingerprint.of_file(document, file)
    if found != expected:
        raise ValueError(
            f"its fingerprint is {expected[:12]}..., but that of its content is {found[:12]}...: the file was damaged"
            " or changed after it was saved. Save the model again, or copy the file again from where it comes from"
        )
