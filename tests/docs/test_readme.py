"""README is short, and has the commands that CI runs."""

import re
from pathlib import Path

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def test_it_is_short():
    assert len(README.split()) <= 700
    features = README.split("## Features\n")[1].split("\n## ")[0]
    assert len(re.findall(r"^- ", features, re.MULTILINE)) <= 12


def test_it_has_the_commands_of_ci():
    first, second = README.split("```sh\n")[1].split("```")[0].splitlines()
    assert first == "pip install . && compiled-nn train digits"
    assert second == 'pip install ".[test]" && pytest'


def test_its_sections_are_in_the_order_of_work():
    assert re.findall(r"^## (.+)$", README, re.MULTILINE) == [
        *("Install", "Ten lines", "A table, from CSV to prediction", "In place of scikit-learn"),
        *("Features", "Limits", "Guarantees", "Documentation"),
    ]
    block = README.split("```python\n")[1].split("```")[0]
    assert len([line for line in block.splitlines() if line]) <= 10
