"""The page ``/``: the models of a service, for a browser."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .docs_page import html

if TYPE_CHECKING:
    from .store import Slot, Store


def page(store: Store, root: str) -> str:
    """Return the page; `root` is the path under which the application is mounted."""
    rows = "".join(_row(slot, root) for slot in store.all())
    link = f'<p><a href="{escape(root)}/docs">Documentation of the routes</a></p>'
    return html("Models", f"<table>{rows}</table>", link)


def _row(slot: Slot, root: str) -> str:
    place = f"{escape(root)}/models/{slot.name}/versions/{slot.version}"
    state = "ready" if slot.current is not None else "not ready"
    error = f": {escape(slot.error)}" if slot.error else ""
    name = f'<a href="{place}">{escape(slot.name)}</a>'
    return f"<tr><td>{name}</td><td>version {escape(slot.version)}</td><td>{state}{error}</td></tr>"
