"""Links between the pages in Markdown and the reference.

(a) In the text of a page, a code span that is a public name, such as `cnn.Network` or `EarlyStopping`, is linked to the
    page of the name, once in each section. A single word in lower case, such as `load`, needs `cnn.` before it
    or `()` after it.
(b) The page of a name lists the pages whose text or code has the name most often.
"""

import functools
import re
from collections import Counter

from docutils import nodes
from references import find_documented, find_object
from sphinx.addnodes import desc, desc_content
from sphinx.util.nodes import make_refnode

LINKED = ("start/", "guide/", "cookbook/", "tutorials/", "migrating/", "internals/", "reference/")
LISTED = ("start/", "guide/", "cookbook/", "tutorials/", "migrating/", "examples/")
NOT_LISTED = ("start/features", "examples/index")
OTHER_LIBRARIES = "migrating/"  # pages with names of other libraries: names without prefix are not linked
GENERATED = "reference/api/generated/"
SPAN = re.compile(r"((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(\(.*\))?", re.DOTALL)
IMPORT = re.compile(r"^import ((?:compiled_nn|cnn_core)[\w.]*) as (\w+)", re.MULTILINE)
IMPORT_FROM = re.compile(
    r"^from ((?:compiled_nn|cnn_core)[\w.]*) import (?:\(([^)]*)\)|([\w, ]+))", re.MULTILINE
)
PREFIXES = {"cnn": "compiled_nn", "compiled_nn": "compiled_nn", "cnn_core": "cnn_core"}
LONGEST_LIST = 8


def make_full_name(span, prefixed_only):
    """Return the full name that a code span can mean, or None."""
    match = SPAN.fullmatch(span)
    if match is None or "__" in span:
        return None
    name, call = match.groups()
    first, _, rest = name.partition(".")
    if first in PREFIXES:
        return f"{PREFIXES[first]}.{rest}" if rest else None
    distinct = call or "." in name or "_" in name or re.match("[A-Z].*[a-z]", name)
    return f"compiled_nn.{name}" if distinct and not prefixed_only else None


def make_finder(objects):
    """Return a function that finds the documented name of a full name, or None."""

    @functools.cache
    def find(full):
        if full in objects:
            return full
        if callable(find_object(full)):
            return find_documented(objects, full)
        # A class or a function of a module, such as `EarlyStopping`, without the name of the module.
        ending = full.removeprefix("compiled_nn")
        named = [name for name, entry in objects.items() if name.endswith(ending) and not entry.aliased]
        kinds = {objects[n].objtype for n in named}
        return named[0] if len(named) == 1 and kinds <= {"class", "function", "method"} else None

    return find


def list_imports(code):
    """Return {name in the code: full name} for what a page imports from the library."""
    found = {name: module for module, name in IMPORT.findall(code)}
    for module, *lists in IMPORT_FROM.findall(code):
        for item in re.findall(r"\w+(?: as \w+)?", " ".join(lists)):
            name, _, other = item.partition(" as ")
            found[other or name] = f"{module}.{name}"
    return found


def list_names(doctree, page):
    """Return a Counter of the full names, documented or not, in the text and the code of a page."""
    spans = (node.astext() for node in doctree.findall(nodes.literal))
    found = Counter(filter(None, (make_full_name(span, page.startswith(OTHER_LIBRARIES)) for span in spans)))
    code = "\n".join(block.astext() for block in doctree.findall(nodes.literal_block))
    for local, full in {"cnn": "compiled_nn", "cnn_core": "cnn_core", **list_imports(code)}.items():
        found.update(full + rest for rest in re.findall(rf"(?<![\w.]){local}\b((?:\.[A-Za-z]\w*)*)", code))
    return found


def read_names(app, doctree):
    page = app.env.docname
    if page.startswith(LISTED) and not page.startswith(NOT_LISTED) and not page.endswith("/index"):
        app.env.names_of_pages[page] = list_names(doctree, page)


def begin(app):
    app.env.names_of_pages = getattr(app.env, "names_of_pages", {})


def forget(app, env, page):
    env.names_of_pages.pop(page, None)


def merge(app, env, pages, other):
    env.names_of_pages.update(
        {page: other.names_of_pages[page] for page in pages if page in other.names_of_pages}
    )


def link_names(app, doctree, page, find, objects):
    """Link the code spans of a page."""
    linked = set()
    for node in list(doctree.findall(nodes.literal)):
        outer, section = node.parent, None
        while outer is not None and not isinstance(outer, (nodes.reference, nodes.title)):
            section = outer if section is None and isinstance(outer, nodes.section) else section
            outer = outer.parent
        full = outer is None and make_full_name(node.astext(), page.startswith(OTHER_LIBRARIES))
        name = full and find(full)
        if name and (id(section), name) not in linked:
            linked.add((id(section), name))
            entry = objects[name]
            link = make_refnode(app.builder, page, entry.docname, entry.node_id, node.deepcopy(), name)
            node.replace_self(link)


def count_uses(env, find, objects):
    """Return {page of a name: Counter of the pages that use it}."""
    uses = {}
    for page, names in env.names_of_pages.items():
        for full, count in names.items():
            name = find(full)
            if name:
                uses.setdefault(objects[name].docname, Counter())[page] += count
    return uses


def add_uses(app, doctree, page, uses):
    """List the pages that use a name, below its description and above its methods."""
    content = next(iter(doctree.findall(desc_content)), None)
    if content is None or not uses:
        return
    pages = sorted(uses, key=lambda other: (-uses[other], LISTED.index(other.partition("/")[0] + "/"), other))
    items = nodes.bullet_list()
    for other in pages[:LONGEST_LIST]:
        title = nodes.inline(text=app.env.titles[other].astext())
        link = make_refnode(app.builder, page, other, None, title)
        items += nodes.list_item("", nodes.paragraph("", "", link))
    place = next((k for k, child in enumerate(content) if isinstance(child, desc)), len(content))
    content.insert(place, [nodes.rubric(text="Pages that use it"), items])


def link_page(app, doctree, page):
    objects = app.env.domains["py"].objects
    if not hasattr(app, "find_documented_name"):
        app.find_documented_name = make_finder(objects)
        app.uses_of_names = count_uses(app.env, app.find_documented_name, objects)
    if page.startswith(GENERATED):
        add_uses(app, doctree, page, app.uses_of_names.get(page))
    elif page.startswith(LINKED):
        link_names(app, doctree, page, app.find_documented_name, objects)


def setup(app):
    app.connect("builder-inited", begin)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("doctree-read", read_names)
    app.connect("doctree-resolved", link_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
