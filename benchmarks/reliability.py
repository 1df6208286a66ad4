"""Print the table of what the tests of robustness measured, for docs/internals/reliability.md.

    pytest tests/robustness --long --figures reliability.jsonl
    python benchmarks/reliability.py reliability.jsonl

A figure has one line. Where several tests measured it, it shows the smallest and the largest value. If a test ran more
than once, its last run counts, and a long one counts more than a short one.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any


def read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the lines of a file of figures by their names, in the order of the promises."""
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        key = line["name"], line["test"]
        if key not in last or line["long"] >= last[key]["long"]:
            last[key] = line
    found = defaultdict(list)
    for (name, _), line in last.items():
        found[name].append(line)
    return dict(sorted(found.items(), key=lambda item: int(item[0].split()[0][1:])))


def shown(value: Any) -> str:
    """Return a value as text: three digits of a fraction, thousands apart."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{int(value):,}" if isinstance(value, (int, float)) else str(value)


def together(values: list[Any]) -> str:
    """Return the values of one figure as text."""
    if all(isinstance(value, (int, float)) for value in values):
        low, high = shown(min(values)), shown(max(values))
        return low if low == high else f"{low} to {high}"
    return ", ".join(sorted({shown(value) for value in values}))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", type=Path, help="file that `pytest --figures` has written")
    found = read(parser.parse_args().figures)
    print("| promise | figure | value | tests | form |")
    print("|---|---|---|---|---|")
    for name, lines in found.items():
        promise, _, what = name.partition(" ")
        forms = "long" if all(line["long"] for line in lines) else "short"
        print(
            f"| {promise} | {what} | {together([line['value'] for line in lines])} | {len(lines)} | {forms} |"
        )


if __name__ == "__main__":
    main()
