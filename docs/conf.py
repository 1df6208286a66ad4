"""Configuration of Sphinx: `python -m sphinx -W --keep-going -b html docs OUT`, with the extra `docs` installed."""

import sys
from pathlib import Path

import compiled_nn
from pygments.lexers.special import TextLexer
from sphinx.addnodes import pending_xref
from sphinx.highlighting import lexers

ROOT = Path(__file__).resolve().parents[1]

project = "compiled-nn"
author = "The compiled-nn team"
copyright = f"{author}"
version = release = compiled_nn.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery", "examples/**/*.ipynb", "**.ipynb_checkpoints"]
lexers["trace"] = lexers["csv"] = TextLexer()
# Files outside docs/ that pages link to, and the pages that show them.
SHOWN = {
    "README": "index",
    "CHANGELOG": "reference/changelog",
    "CONTRIBUTING": "internals/contributing",
    "benchmarks/README": "internals/benchmarks",
}

# Markdown and notebooks. Notebooks are shown with the output that is stored in them.
nb_execution_mode = "off"
myst_enable_extensions = ["attrs_inline", "colon_fence"]
myst_heading_anchors = 4

# The gallery: scripts in docs/gallery, and the pages made of them in docs/examples.
sys.path.append(str(ROOT / "docs" / "_ext"))
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

html_theme = "pydata_sphinx_theme"
html_title = f"compiled-nn {release}"
html_static_path = []
html_theme_options = {"show_nav_level": 1, "navigation_with_keys": False}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True


def link_shown_files(app, doctree):
    """Let links to files outside docs/ lead to the pages that show them."""
    for node in doctree.findall(pending_xref):
        path = node.get("reftarget", "").removeprefix(f"{ROOT}/").removesuffix(".md")
        node["reftarget"] = SHOWN.get(path, node.get("reftarget"))


def setup(app):
    app.connect("doctree-read", link_shown_files)
