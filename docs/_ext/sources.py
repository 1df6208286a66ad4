"""Links to the sources, and "edit this page", from the address of the repository. While it is empty, there are none.

Without an address, `sphinx.ext.viewcode` shows the sources on pages of the site. It lists modules without such a page,
and takes all names of a module as documented below one name; both are mended here.
"""

import importlib
import inspect
import re
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = runpy.run_path(str(ROOT / "python" / "compiled_nn" / "_version.py"))["REPOSITORY"]
GENERATED = ("reference/api/generated/", "examples/")  # pages without a file that can be edited


def find_source(module, name):
    """Return (path in the repository, first line, last line) of an object; no lines for compiled code."""
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    found = inspect.unwrap(getattr(found, "fget", None) or found)
    try:
        path = Path(inspect.getsourcefile(found)).resolve()
        lines, first = inspect.getsourcelines(found)
    except (OSError, TypeError):
        compiled = ROOT / f"{module.replace('.', '/')}.pyx"
        return (compiled.relative_to(ROOT).as_posix(), None, None) if compiled.exists() else None
    for package, folder in (("compiled_nn", "python/compiled_nn"), ("cnn_core", "cnn_core")):
        if package in path.parts:
            inner = path.parts[len(path.parts) - path.parts[::-1].index(package) :]
            return "/".join((folder, *inner)), first, first + len(lines) - 1
    return None


def make_source_link(repository, revision, module, name):
    """Return the address of the source of an object, or None."""
    place = find_source(module, name)
    if not repository or place is None:
        return None
    path, first, last = place
    return f"{repository}/blob/{revision}/{path}" + (f"#L{first}-L{last}" if first else "")


def make_edit_link(repository, page):
    """Return the address at which the source of a page, relative to docs/, can be edited, or None."""
    return f"{repository}/edit/main/docs/{page}" if repository and not page.startswith(GENERATED) else None


def set_edit_link(app, pagename, templatename, context, doctree):
    """Show "edit this page" where there is something to edit."""
    source = f"{pagename}{context.get('page_source_suffix', '')}"
    context["theme_use_edit_page_button"] = make_edit_link(REPOSITORY, source) is not None


def forget_absent_modules(app, env):
    """Remove modules without Python source from the list of modules of viewcode."""
    modules = getattr(env, "_viewcode_modules", {})
    for name in [name for name, entry in modules.items() if not entry]:
        del modules[name]


def mend_back_links(app, pagename, templatename, context, doctree):
    """Let the links of a page of source lead to the anchors of the reference: the name of a page begins its anchors."""

    def mended(match):
        page, name, anchor = match.groups()
        rest = anchor.partition(f".{name.rpartition('.')[2]}")[2]
        return f'{page}{name}.html#{name}{rest}"'

    if pagename.startswith("_modules/"):
        pattern = r'(href="[^"#]*/generated/)([^"#/]+)\.html#([^"]+)"'
        context["body"] = re.sub(pattern, mended, context["body"])


def setup(app):
    app.connect("env-check-consistency", forget_absent_modules)
    app.connect("html-page-context", mend_back_links)
    app.connect("html-page-context", set_edit_link, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
