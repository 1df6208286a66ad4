"""Index entries of pages: the search words in the table of docs/start/tasks.md.

A reader searches for the words of a task ("gpu", "loss nan"), which are often not those of the page that describes it.
Each search of the table becomes an entry of the index for the linked page, and the search of the site finds it first.
"""

import posixpath
import re
from pathlib import Path

from sphinx.addnodes import index

TASKS = Path(__file__).resolve().parents[1] / "start" / "tasks.md"
ROW = re.compile(r"^\| .+? \| \[.+?\]\((.+?)\) \| (.+?) \|$", re.MULTILINE)


def list_words():
    """Return {page: [(words, anchor), ...]}."""
    found = {}
    for link, cell in ROW.findall(TASKS.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        page = posixpath.normpath(f"start/{path}").removesuffix(".md")
        page = re.sub(r"^gallery/(.*)\.py$", r"examples/\1", page)
        found.setdefault(page, []).extend((words, anchor) for words in cell.split(", "))
    return found


def add_entries(app, doctree):
    """Add the entries of a page that was read."""
    entries = [
        ("single", words, anchor, "main", None) for words, anchor in list_words().get(app.env.docname, ())
    ]
    if entries:
        app.env.note_dependency(str(TASKS))
        doctree.insert(0, index(entries=entries))


def restore_entries(app):
    """Add the entries of pages that this build has not written: the search index of Sphinx has lost them."""
    index_entries = getattr(getattr(app.builder, "indexer", None), "_index_entries", {})
    for page, found in list_words().items():
        if page in app.env.all_docs:
            entries = {(words, anchor, "main") for words, anchor in found}
            index_entries[page] = sorted(entries.union(index_entries.get(page, ())))
    return ()


def setup(app):
    app.connect("doctree-read", add_entries)
    app.connect("html-collect-pages", restore_entries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
