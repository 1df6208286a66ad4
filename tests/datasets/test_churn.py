"""The synthetic table of customers: its defects, its signal, and the same bytes for the same seed."""

import csv
import re

import numpy as np
import pytest
from compiled_nn.datasets import write_churn


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=";"))


@pytest.fixture
def table(tmp_path):
    write_churn(tmp_path / "churn.csv", 3000)
    rows = rows_of(tmp_path / "churn.csv")
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_it_has_the_defects_of_real_files(table):
    assert len(set(table["customer_id"])) == 3000
    assert len(set(table["comment"])) > 1500  # more than half differ: free text
    assert any(";" in text for text in table["comment"])
    assert any('"' in text for text in table["comment"])
    assert all(re.fullmatch(r"\d{5}", zip_code) for zip_code in table["zip"])
    assert {zip_code[0] for zip_code in table["zip"]} >= {"0", "1"}
    assert all(re.fullmatch(r"\d+,\d\d", charge) for charge in table["monthly_charge"])
    assert any(int(date[:2]) > 12 for date in table["signup"] if date)  # day and month cannot be confused
    for name in ("signup", "payment", "age", "data_gb"):
        assert 0 < table[name].count("") < 300
    assert "" not in table["churn"]


def test_who_leaves_follows_from_the_columns(table):
    leaves = np.array(table["churn"]) == "yes"
    assert 0.2 < leaves.mean() < 0.35
    contract, calls = np.array(table["contract"]), np.array(table["support_calls"], int)
    # In 3,000 rows the standard error of these shares is below 0.03; they differ by more than 0.2.
    assert leaves[contract == "monthly"].mean() > leaves[contract == "two years"].mean() + 0.2
    assert leaves[calls >= 3].mean() > leaves[calls == 0].mean() + 0.2


def test_a_seed_determines_the_bytes(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_churn(tmp_path / name, 100, seed=seed)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c
    assert a.count(b"\n") == 101


@pytest.mark.parametrize("n_rows", [0, 2.5, "many"])
def test_numbers_of_rows_are_checked(n_rows, tmp_path):
    with pytest.raises((TypeError, ValueError), match="'n_rows' parameter of write_churn"):
        write_churn(tmp_path / "churn.csv", n_rows)
    assert not list(tmp_path.iterdir())
