"""References of the site: links to files that are shown as pages, and names in docstrings.

(a) Pages link to README.md, CHANGELOG.md and others by their place in the repository, so that the links also work where
    the Markdown is read. On the site they lead to the pages that show these files.
(b) A public name can be imported from several modules, and a docstring uses the names that its module imports. A name
    that Sphinx does not find is imported, and the object decides which page is linked.
(c) Pages link to the scripts of the gallery. On the site they lead to the pages that are made from the scripts.
"""

import inspect
import pkgutil
from pathlib import Path

from sphinx.addnodes import download_reference, pending_xref
from sphinx.ext.autosummary import autosummary_table
from sphinx.util.nodes import make_refnode

ROOT = Path(__file__).resolve().parents[2]
SHOWN = {
    "README": "index",
    "CHANGELOG": "reference/changelog",
    "CONTRIBUTING": "internals/contributing",
    "benchmarks/README": "internals/benchmarks",
}

MODULES = {  # pages of the reference that have the names of a module
    "compiled_nn.callbacks": "callbacks",
    "compiled_nn.conformal": "uncertainty",
    "compiled_nn.distributed": "distributed",
    "compiled_nn.losses": "losses",
    "compiled_nn.metrics": "metrics",
    "compiled_nn.optimizers": "optimizers",
    "compiled_nn.schedules": "optimizers",
}


def link_shown_files(app, doctree):
    """Link files outside docs/ to the pages that show them."""
    for node in doctree.findall(pending_xref):
        path, _, anchor = node.get("reftarget", "").partition("#")
        path = path.removeprefix(f"{ROOT}/").removesuffix(".md")
        if path in SHOWN:
            node["reftarget"], node["refdomain"] = SHOWN[path], "doc"
            node["reftargetid"] = anchor or node.get("reftargetid")


def link_gallery(app, doctree):
    """Link scripts of the gallery to the pages made from them."""
    for node in list(doctree.findall(download_reference)):
        _, found, script = node["reftarget"].partition("gallery/")
        if found and script.endswith(".py"):
            target = f"/examples/{script.removesuffix('.py')}"
            place = {"refdoc": app.env.docname, "refdomain": "std", "reftype": "doc", "refexplicit": True}
            node.replace_self(pending_xref("", *node.children, reftarget=target, refwarn=True, **place))


def remove_citations(app, doctree):
    """Remove references to the literature from tables of summaries: their numbers belong to the pages of the names."""
    for table in doctree.findall(autosummary_table):
        for node in list(table.findall(pending_xref)):
            if node["refdomain"] == "citation":
                node.parent.remove(node)


def find_object(name):
    """Return the object of a dotted name, or None."""
    try:
        return pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError):
        return None


def find_documented(objects, name):
    """Return the documented name of the object that a full name means, among those with the same last part, or None."""
    value, last = find_object(name), name.rpartition(".")[2]
    if value is None or inspect.ismodule(value):
        return None
    return next(
        (other for other in objects if other.rpartition(".")[2] == last and find_object(other) is value), None
    )


def list_candidates(node):
    """Yield the full names that a reference of a docstring can mean."""
    target, module = node["reftarget"].lstrip(".~"), node.get("py:module") or "compiled_nn"
    yield target
    yield f"{module}.{target}"
    owner = find_object(f"{module}.{node.get('py:class')}") if node.get("py:class") else None
    # A docstring uses the names of the module that it is written in.
    for base in getattr(owner, "__mro__", ()):
        yield f"{base.__module__}.{target}"
    yield f"compiled_nn.{target}"


def resolve_by_object(app, env, node, contnode):
    """Return the reference to the page that documents the same object under another name."""
    if node.get("refdomain") != "py":
        return None
    domain = env.domains["py"]
    if node["reftarget"] in MODULES:
        docname = f"reference/api/{MODULES[node['reftarget']]}"
        return make_refnode(app.builder, node["refdoc"], docname, None, contnode)

    def link(name):
        entry = domain.objects[name]
        return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode)

    for candidate in list_candidates(node):
        if name := find_documented(domain.objects, candidate):
            return link(name)
    # A table of summaries shows sentences of docstrings without the module that they are written in.
    kinds = domain.objtypes_for_role(node["reftype"]) or ()
    named = [
        name
        for name, entry in domain.objects.items()
        if name.endswith(f".{node['reftarget']}") and entry.objtype in kinds
    ]
    return link(named[0]) if len(named) == 1 else None


def setup(app):
    app.connect("doctree-read", link_shown_files)
    app.connect("doctree-read", link_gallery, priority=100)  # before Sphinx collects the files to copy
    app.connect("doctree-read", remove_citations)
    app.connect("missing-reference", resolve_by_object)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
