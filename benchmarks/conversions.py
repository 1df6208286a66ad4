"""Write the table of conversions: the largest difference of each one for each kind of model, from the tests.

    pytest tests/exchange --differences differences.tsv
    python benchmarks/conversions.py differences.tsv --docs docs/guide/conversions.md

Each line of the file has a conversion, a kind of model, a dtype and the largest difference on probe rows, relative to
the largest output. Without `--docs` the tables are printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

BEGIN, END = "<!-- benchmarks/conversions.py: begin -->", "<!-- benchmarks/conversions.py: end -->"
# Heading of each conversion; imports from other libraries have kinds that the others do not have.
EXPORTS = {
    "onnx": "ONNX",
    "C float32": "C",
    "C float64": "C",
    "JSON": "JSON",
    "to PyTorch": "PyTorch",
    "to Keras": "Keras",
    "to scikit-learn": "scikit-learn",
}
IMPORTS = ("from ONNX", "from PyTorch", "from Keras", "from scikit-learn")
INT8 = "C int8"
Differences = Mapping[tuple[str, str, str], float]


def read(path: Path) -> dict[tuple[str, str, str], float]:
    """Return the largest difference of each conversion, kind and dtype in a file of `--differences`."""
    found: dict[tuple[str, str, str], float] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        conversion, kind, dtype, difference = line.split("\t")
        key = conversion, kind, dtype
        found[key] = max(found.get(key, 0.0), float(difference))
    return found


def exports(differences: Differences, dtype: str) -> list[str]:
    """Return the table of exports of models of this dtype; "-" where a conversion refuses the kind."""
    shown = list(dict.fromkeys(EXPORTS.values()))
    cells: dict[str, dict[str, float]] = {}
    for (conversion, kind, of), difference in differences.items():
        if conversion in EXPORTS and of == dtype:
            cells.setdefault(kind, {})[EXPORTS[conversion]] = difference
    rows = [
        f"| {kind} | {' | '.join(f'{row[name]:.0e}' if name in row else '-' for name in shown)} |"
        for kind, row in cells.items()
    ]
    return [f"| kind of model | {' | '.join(shown)} |", "|---" * (len(shown) + 1) + "|", *rows]


def summary(differences: Differences) -> list[str]:
    """Return the table of all conversions: numbers of cases, and the largest difference of each dtype."""
    lines = ["| conversion | cases | float64 | float32 |", "|---|---|---|---|"]
    for name in (*EXPORTS, *IMPORTS, INT8):
        found = {key: value for key, value in differences.items() if key[0] == name}
        worst = [
            f"{max(values):.0e}" if (values := [v for key, v in found.items() if key[2] == dtype]) else "-"
            for dtype in ("float64", "float32")
        ]
        title = EXPORTS.get(name, name)
        title = f"to {title}" if name in EXPORTS and not name.startswith("C ") else name
        lines.append(f"| {title} | {len(found)} | {worst[0]} | {worst[1]} |")
    return lines


def tables(differences: Differences) -> str:
    """Return all tables as Markdown."""
    parts = ["## All conversions", "", *summary(differences)]
    for dtype in ("float64", "float32"):
        parts += ["", f"## Exports of models in {dtype}", "", *exports(differences, dtype)]
    return "\n".join(parts)


def main() -> None:
    """Print the tables, or replace those of a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("differences", type=Path)
    parser.add_argument("--docs", type=Path)
    options = parser.parse_args()
    text = tables(read(options.differences))
    if options.docs is None:
        print(text)
        return
    page = options.docs.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    options.docs.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
