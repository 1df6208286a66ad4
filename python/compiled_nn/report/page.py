"""Parts of an HTML page: sections, tables and figures, with the style of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ..common.text import printable

_STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --text: #1b1f24; --soft: #5b6470; --line: #d5dae0; --head: #f3f5f7;
  --blue: #0072b2 }
@media (prefers-color-scheme: dark) {
  :root { --back: #15181c; --text: #e6e9ec; --soft: #a2abb5; --line: #3a414a; --head: #20252b; --blue: #3f9fdc }
}
@media print {
  :root { --back: #ffffff; --text: #000000; --soft: #444444; --line: #bbbbbb; --head: #f3f5f7; --blue: #0072b2 }
  figure, tr { break-inside: avoid }
  h2, h3 { break-after: avoid }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem; max-width: 70rem; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; overflow-wrap: anywhere }
h2 { font-size: 1.25rem; margin: 2rem 0 .6rem; padding-bottom: .2rem; border-bottom: 1px solid var(--line) }
p { margin: .4rem 0; max-width: 46rem }
p.lead { font-size: 1.1rem; max-width: 52rem; overflow-wrap: anywhere }
code { font-family: ui-monospace, monospace; font-size: .9em }
.note { color: var(--soft) }
table { border-collapse: collapse; margin: .6rem 0; font-size: .93rem; max-width: 100% }
caption { text-align: left; color: var(--soft); padding-bottom: .2rem }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
thead th { background: var(--head); vertical-align: bottom }
thead th.number { text-align: right }
tbody th { font-weight: 600; min-width: 8rem }
tbody th, td { overflow-wrap: anywhere }
td { min-width: 4.7em }
td.number { min-width: 0; overflow-wrap: normal; text-align: right; font-variant-numeric: tabular-nums }
td.word { white-space: nowrap }
td.range { min-width: 14rem }
.stacked tbody th { min-width: 10rem }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 29rem), 1fr)); gap: .6rem 1.5rem;
  align-items: start }
.figures > .wide { grid-column: 1 / -1 }
figure { margin: .6rem 0; max-width: 100%; min-width: 0 }
figure svg { display: block; max-width: 100%; height: auto }
figure svg * { stroke-linejoin: round; stroke-linecap: butt }
figcaption { overflow-wrap: anywhere; color: var(--soft); font-size: .9rem; max-width: 34rem }
@media (max-width: 40rem) {
  body { padding: .8rem }
  th, td { padding: .2rem .4rem }
  tbody th { min-width: 5.5rem }
  table { font-size: .85rem }
  table.stacked, .stacked caption, .stacked tbody, .stacked tr, .stacked th, .stacked td { display: block; border: 0 }
  .stacked thead { display: none }
  .stacked tr { border-bottom: 1px solid var(--line); padding: .3rem 0 }
  .stacked tbody th, .stacked td { padding: .05rem 0; min-width: 0; text-align: left }
  .stacked td::before { content: attr(data-name) ": "; color: var(--soft) }
  .stacked td:empty { display: none }
}
""".strip()


def text(value: object) -> str:
    """Return a value as text of a page, with escapes for what is not printable and for HTML."""
    return escape(printable(str(value)))


def paragraph(content: str, kind: str = "") -> str:
    """Return a paragraph of plain text of a kind ("", "note" or "lead"); "" without text."""
    name = f' class="{kind}"' if kind else ""
    return f"<p{name}>{text(content)}</p>" if content else ""


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    caption: str = "",
    kinds: Sequence[str] = (),
    stacked: bool = False,
) -> str:
    """Return a table.

    Parameters
    ----------
    head : sequence of str
        Names of the columns; () for none.
    rows : iterable of sequences
        Cells; the first one of each row is its header.
    caption : str, optional
        Text above the table.
    kinds : sequence of str, optional
        Kind of each column: "number", "word" (in one line) or "". Default: "" for all.
    stacked : bool, default False
        Whether a small screen shows the cells of a row below each other.
    """
    body = []
    for first, *others in rows:
        cells = [
            f"<td{_kind(kinds, i)}{_name(head, i) if stacked else ''}>{text(cell)}</td>"
            for i, cell in enumerate(others, 1)
        ]
        body.append(f'<tr><th scope="row">{text(first)}</th>{"".join(cells)}</tr>')
    top = "".join(f'<th scope="col"{_kind(kinds, i)}>{text(name)}</th>' for i, name in enumerate(head))
    title = f"<caption>{text(caption)}</caption>" if caption else ""
    head_row = f"<thead><tr>{top}</tr></thead>" if head else ""
    kind = ' class="stacked"' if stacked else ""
    return f"<table{kind}>{title}{head_row}<tbody>{''.join(body)}</tbody></table>"


def _kind(kinds: Sequence[str], i: int) -> str:
    return f' class="{kinds[i]}"' if kinds and kinds[i] else ""


def _name(head: Sequence[str], i: int) -> str:
    return f' data-name="{text(head[i])}"'


def figure(drawing: str, caption: str, *, wide: bool = False) -> str:
    """Return a figure of a drawing in SVG with its caption; a wide one takes the whole width of the page."""
    kind = ' class="wide"' if wide else ""
    return f"<figure{kind}>{drawing}<figcaption>{text(caption)}</figcaption></figure>"


def figures(parts: Sequence[str]) -> str:
    """Return figures and tables beside each other; "" if there are none."""
    parts = [part if part.startswith("<figure") else f"<div>{part}</div>" for part in parts if part]
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
