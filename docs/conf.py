"""Configuration of Sphinx: `python -m sphinx -W -b html docs OUT`, with the extra `docs` installed."""

import importlib.util
import os
import sys
from pathlib import Path

import compiled_nn
from pygments.lexers.special import TextLexer
from sphinx.highlighting import lexers

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "_ext"))

from gallery_pictures import find_examples  # noqa: E402  in docs/_ext
from sources import REPOSITORY, make_edit_link, make_source_link  # noqa: E402  in docs/_ext

project = "compiled-nn"
author = copyright = "The compiled-nn team"
version = release = compiled_nn.__version__
revision = f"v{release}" if "dev" not in release else "main"

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.linkcode" if REPOSITORY else "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "compiled",
    "names",
    "references",
    "search_words",
    "sources",
]
exclude_patterns = ["_build", "_ext", "_templates", "gallery", "examples/**/*.ipynb", "**.ipynb_checkpoints"]
templates_path = ["_templates"]
suppress_warnings = ["sphinx_gallery.space_in_filename"]  # the path of the clone may contain one
lexers["csv"] = TextLexer()

# Markdown and notebooks. Notebooks are shown with the output that is stored in them.
nb_execution_mode = "off"
myst_enable_extensions = ["attrs_inline", "colon_fence"]
myst_heading_anchors = 4

# The gallery: scripts in docs/gallery, and the pages made of them in docs/examples.
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "examples",
    "filename_pattern": r"plot_.*\.py$",
    "image_scrapers": ("gallery_pictures.scrape", "matplotlib"),
    "capture_repr": ("_repr_html_",),
    "abort_on_example_error": True,
    "backreferences_dir": "examples/backreferences",
    "doc_module": ("compiled_nn",),
    "reference_url": {"compiled_nn": None},
    "min_reported_time": 1e6,  # no times, which would differ from build to build
    "write_computation_times": False,
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
}
autosummary_context = {"examples": find_examples(DOCS)}

# Reference. Types of parameters are in the docstrings, so the signatures show names and defaults only.
autodoc_typehints = "none"
autodoc_member_order = "alphabetical"
autodoc_mock_imports = [name for name in ("torch",) if importlib.util.find_spec(name) is None]  # it is large
numpydoc_class_members_toctree = False
numpydoc_show_class_members = True
numpydoc_show_inherited_class_members = {
    f"compiled_nn.{name}": False
    for name in ("CompiledNNWarning", "DivergenceError", "NotFittedError", "torch.Module")
}
numpydoc_xref_param_type = False
# Form of the docstrings. Not checked: sections that are only useful in some docstrings, and types, which tests check.
numpydoc_validation_checks = {
    *("GL01", "GL03", "GL05", "GL06", "GL07", "GL08", "GL09", "GL10"),  # form and order of the sections
    *("PR05", "PR06", "PR07", "PR08", "PR09", "PR10", "RT05"),  # descriptions of parameters and results
    *("SS02", "SS03", "SS04", "SS05", "SS06"),  # summaries
}
# Methods of PyTorch, fields of a named tuple, and the core, whose docstrings begin with equations.
numpydoc_validation_exclude = {r"torch\.Module", r"Calibration\.(scores|temperature)$", r"^cnn_core\."}
nitpicky = True
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = f"compiled-nn {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["versions.js"]
html_search_scorer = str(DOCS / "_ext" / "search_scorer.js")
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "compiled-nn"},
    "header_links_before_dropdown": 8,
    "navbar_align": "left",
    "show_nav_level": 1,
    "navigation_with_keys": False,
    "use_edit_page_button": True,
    "check_switcher": False,  # the file belongs to the published site, which has a folder for each version
    "switcher": {"json_url": "../switcher.json", "version_match": os.environ.get("SITE_VERSION", release)},
    "navbar_end": ["version-switcher", "theme-switcher", "navbar-icon-links"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "secondary_sidebar_items": ["page-toc", "edit-this-page"],
}
html_context = {
    "default_mode": "auto",
    "edit_page_url_template": make_edit_link(REPOSITORY, "{{ file_name }}") or "",
}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True


def linkcode_resolve(domain, info):
    """Return the address of the source of a name of the reference."""
    if domain != "py" or not info["module"]:
        return None
    return make_source_link(REPOSITORY, revision, info["module"], info["fullname"])
