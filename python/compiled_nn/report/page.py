"""Parts of an HTML page: sections, tables and figures, with the style of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ..common.text import printable

_NARROW = 5  # columns whose names fit beside each other on a small screen
_STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --text: #1b1f24; --soft: #5b6470; --line: #d5dae0; --head: #f3f5f7 }
@media (prefers-color-scheme: dark) {
  :root { --back: #15181c; --text: #e6e9ec; --soft: #a2abb5; --line: #3a414a; --head: #20252b }
}
@media print {
  :root { --back: #ffffff; --text: #000000; --soft: #444444; --line: #bbbbbb; --head: #f3f5f7 }
  figure, tr { break-inside: avoid }
  h2, h3 { break-after: avoid }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem; max-width: 70rem; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; overflow-wrap: anywhere }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; padding-bottom: .2rem; border-bottom: 1px solid var(--line) }
p { margin: .4rem 0; max-width: 46rem }
code { font-family: ui-monospace, monospace; font-size: .9em }
.note { color: var(--soft) }
table { border-collapse: collapse; margin: .6rem 0; font-size: .93rem; max-width: 100% }
caption { text-align: left; color: var(--soft); padding-bottom: .2rem }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
thead th { background: var(--head) }
tbody th { font-weight: 600 }
tbody th, td { overflow-wrap: anywhere }
td { min-width: 4.7em }
td.number { min-width: 0; overflow-wrap: normal; text-align: right; font-variant-numeric: tabular-nums }
.figures { display: flex; flex-wrap: wrap; gap: 1.2rem 2rem; align-items: flex-start }
figure { margin: .6rem 0; max-width: 100% }
figure svg { display: block; max-width: 100%; height: auto }
figure svg * { stroke-linejoin: round; stroke-linecap: butt }
figcaption { overflow-wrap: anywhere; color: var(--soft); font-size: .9rem; max-width: 34rem }
@media (max-width: 40rem) {
  body { padding: .8rem }
  th, td { padding: .2rem .3rem; hyphens: auto }
  table.wide thead th { overflow-wrap: anywhere }
  table { font-size: .8rem }
}
""".strip()


def text(value: object) -> str:
    """Return a value as text of a page, with escapes for what is not printable and for HTML."""
    return escape(printable(str(value)))


def paragraph(content: str, *, note: bool = False) -> str:
    """Return a paragraph of plain text."""
    kind = ' class="note"' if note else ""
    return f"<p{kind}>{text(content)}</p>"


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "", numbers: int = 0
) -> str:
    """Return a table; the first cell of each row is its header, the last `numbers` cells are set as numbers."""
    body = []
    for first, *others in rows:
        kinds = [""] * (len(others) - numbers) + [' class="number"'] * numbers
        cells = [f"<td{kind}>{text(cell)}</td>" for kind, cell in zip(kinds, others, strict=True)]
        body.append(f'<tr><th scope="row">{text(first)}</th>{"".join(cells)}</tr>')
    top = "".join(f'<th scope="col">{text(name)}</th>' for name in head)
    title = f"<caption>{text(caption)}</caption>" if caption else ""
    head_row = f"<thead><tr>{top}</tr></thead>" if head else ""
    wide = ' class="wide"' if len(head) > _NARROW else ""
    return f"<table{wide}>{title}{head_row}<tbody>{''.join(body)}</tbody></table>"


def figure(drawing: str, caption: str) -> str:
    """Return a figure of a drawing in SVG with its caption."""
    return f"<figure>{drawing}<figcaption>{text(caption)}</figcaption></figure>"


def figures(parts: Sequence[str]) -> str:
    """Return figures beside each other; "" if there are none."""
    return f'<div class="figures">{"".join(parts)}</div>' if parts else ""


def section(title: str, *parts: str) -> str:
    """Return a section with its heading; "" if all parts are empty."""
    content = "\n".join(filter(None, parts))
    return f"<section>\n<h2>{text(title)}</h2>\n{content}\n</section>" if content else ""


def page(title: str, *parts: str) -> str:
    """Return a whole page, which loads no other file."""
    body = "\n".join(filter(None, parts))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{text(title)}</title>
<style>
{_STYLE}
</style>
</head>
<body>
<main>
<h1>{text(title)}</h1>
{body}
</main>
</body>
</html>
"""
