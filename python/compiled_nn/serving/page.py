"""The page ``/``: a form for each model, and the answer to what is filled in."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from . import form
from .markup import html, text

if TYPE_CHECKING:
    from .model import ServedModel
    from .store import Slot, Store

_EMPTY = "The answer to the example, or to other values, is shown here after Predict."


def page(store: Store, root: str, name: str | None = None, version: str | None = None) -> str:
    """Return the page of a model, by default the first one; `root` is the path under which the application is mounted.

    Raises
    ------
    RequestError
        If there is no such model or version.
    """
    slot = store.slot(next(iter(store.slots)) if name is None else name, version)
    slots = list(store.all())
    place = f"{root}/models/{slot.name}/versions/{slot.version}"
    parts = [_choice(slots, slot, root) if len(slots) > 1 else ""]
    model = slot.current
    if slot.error:
        parts.append(f'<p class="error">{text(slot.error)}</p>')
    if model is None:
        parts.append("<p>The model is not ready.</p>")
    else:
        parts += [f"<p>{_about(model)}</p>", _parts(model, f"{place}/predict")]
    parts.append(
        f'<p><a href="{escape(root)}/docs">Documentation of the routes</a> &middot; '
        f'<a href="{escape(place)}">Description of the model</a></p>'
    )
    return html(slot.name, *parts, script=model is not None)


def problem(message: str, root: str) -> str:
    """Return the page for a model that there is not."""
    link = f'<p><a href="{escape(root)}/">All models</a></p>'
    return html("No such model", f'<p class="error">{text(message)}</p>', link)


def _choice(slots: list[Slot], chosen: Slot, root: str) -> str:
    """Return the links to all models."""
    items = []
    for slot in slots:
        query = f"?model={slot.name}&amp;version={slot.version}"
        current = ' aria-current="page"' if slot is chosen else ""
        versions = sum(slot.name == other.name for other in slots)
        title = slot.name if versions == 1 else f"{slot.name}, version {slot.version}"
        items.append(f'<li><a href="{escape(root)}/{query}"{current}>{text(title)}</a></li>')
    return f'<nav aria-label="Models"><ul>{"".join(items)}</ul></nav>'


def _about(model: ServedModel) -> str:
    """Return a sentence about the outputs and inputs of a model."""
    answering, n = model.answering, len(model.rows.titles)
    columns = f"{n:,} {'column' if n == 1 else 'columns'}"
    if model.inputs.shape is not None:
        columns = f"images of shape {model.inputs.shape}"
    if not answering.classifies:
        return f"Values from {columns}."
    k = len(answering.classes)
    what = "label" if answering.several else "class"
    plural = "es" if what == "class" else "s"
    return f"{k:,} {what}{'' if k == 1 else plural} from {columns}."


def _parts(model: ServedModel, url: str) -> str:
    """Return the form and the place of the answer."""
    return (
        '<div class="parts"><section aria-labelledby="row-title"><h2 id="row-title">Row</h2>'
        f"{form.of_model(model, url)}</section>"
        '<section class="answer" aria-labelledby="answer-title"><h2 id="answer-title">Answer</h2>'
        f'<div id="answer" aria-live="polite"><p class="note">{_EMPTY}</p></div>'
        '<p class="note" id="changed" hidden>The fields have changed since.</p></section></div>'
        "<noscript><p>The form needs JavaScript. The documentation has a command for each model.</p></noscript>"
        '<details><summary>Request as a curl command</summary><pre id="command"></pre></details>'
    )
