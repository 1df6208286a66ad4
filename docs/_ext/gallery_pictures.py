"""Pictures of the gallery that pyplot does not have, and the examples of each display.

A notebook would show these pictures below the last line of a cell.
"""

import re
from pathlib import Path

from sphinx_gallery.scrapers import figure_rst


def scrape(block, block_vars, gallery_conf):
    """Write the picture of the last expression of a block as PNG or SVG, and return its reStructuredText.

    A figure of pyplot is left to the scraper of matplotlib. An SVG is part of the page through its ``_repr_html_``, so
    that its text has the colour of the page; the file is for the thumbnail.
    """
    shown = block_vars["example_globals"].get("___")
    png = shown._repr_png_() if hasattr(shown, "_repr_png_") else None
    if png is not None:
        path = Path(next(block_vars["image_path_iterator"]))
        path.write_bytes(png)
        return figure_rst([str(path)], gallery_conf["src_dir"])
    if hasattr(shown, "_repr_svg_"):
        path = Path(next(block_vars["image_path_iterator"])).with_suffix(".svg")
        path.write_text(shown._repr_svg_(), encoding="utf-8")
    return ""


def find_examples(docs):
    """Return for each display the scripts of the gallery that draw it, as paths relative to `docs`."""
    examples = {}
    for script in sorted((docs / "gallery").rglob("plot_*.py")):
        for name in sorted(set(re.findall(r"\w+Display(?=\.from_)", script.read_text(encoding="utf-8")))):
            examples.setdefault(name, []).append(script.relative_to(docs).as_posix())
    return examples
