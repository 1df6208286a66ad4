from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from compiled_nn.data import column_types, dataframes, rows
from compiled_nn.datasets import Table, train_test_split


def table():
    return Table({"age": np.array([31.0, np.nan, 7.0]), "city": np.array(["Ulm", None, "Ulm"], object)})


def test_a_table_is_read_as_those_of_other_libraries():
    assert dataframes.is_table(table())
    assert dataframes.feature_names(table()) == ("age", "city")
    assert [name for name, _ in dataframes.columns(table())] == ["age", "city"]


def test_columns_have_one_length():
    with pytest.raises(ValueError, match=r"Column 'b' has 2 rows; column 'a' has 1\."):
        Table({"a": np.zeros(1), "b": np.zeros(2)})
    with pytest.raises(ValueError, match="at least one column"):
        Table({})


def test_parts_keep_names_and_types():
    parts = [table().take(slice(0, 1)), table().take(np.array([1, 2]))]
    whole = rows.concatenate(parts)
    assert whole.column_names == ["age", "city"]
    np.testing.assert_array_equal(whole["age"], table()["age"])
    assert whole["city"].tolist() == ["Ulm", None, "Ulm"]
    assert table().select(["city"]).column_names == table().drop("age").column_names == ["city"]
    with pytest.raises(KeyError, match="Did you mean 'city'"):
        table()["citi"]


def test_rows_are_split_as_those_of_other_tables():
    X_train, X_test, *_ = train_test_split(
        table(), np.arange(3.0), test_fraction=0.34, seed=0, stratify=False
    )
    assert (X_train.shape, X_test.shape) == ((2, 2), (1, 2))


def test_repr_shows_names_types_and_values():
    assert repr(table()) == (
        "Table of 3 rows and 2 columns\n  age   number    31, nan, 7\n  city  category  Ulm, None, Ulm"
    )
    days = Table({"day": np.array(["2024-02-29", "2024-03-01T12:30", "NaT"], "datetime64[us]")})
    assert repr(days).endswith("\n  day  date  2024-02-29, 2024-03-01 12:30:00, None")
    assert repr(Table({"x": np.zeros(12_345)})).startswith("Table of 12,345 rows and 1 column\n")


IDS = [f"C{i:05}" for i in range(60)]


@pytest.mark.parametrize(
    ("values", "name", "kind"),
    [
        (np.array(IDS, object), "customer", "identifier"),
        (np.array(IDS[:49], object), "customer", "category"),
        (np.arange(60) + 7, "x", "identifier"),
        (np.arange(60)[::-1] * 3.0, "x", "identifier"),
        (np.arange(60) ** 2, "x", "number"),
        (np.arange(60) ** 2, "customer_id", "identifier"),
        (np.arange(60) ** 2, "customerID", "identifier"),
        (np.arange(60) ** 2, "width", "number"),
        (np.arange(60) / 4, "id", "number"),
        (np.array([*IDS[:40], *IDS[:20]], object), "note", "text"),
        (np.array([*IDS[:20], *IDS[:20], *IDS[:20]], object), "note", "category"),
        (np.full(60, 3.0), "x", "constant"),
        (np.array([None] * 60, object), "x", "constant"),
        (np.array(["a", None] * 30, object), "x", "category"),
        (np.array([1.0, np.nan] * 30), "x", "number"),
        (np.array([True, False] * 30), "x", "number"),
        (np.arange(60).astype("datetime64[D]"), "day", "date"),
        (np.arange(60) ** 2, "paid", "number"),
        (np.arange(60) ** 2, "GRID", "number"),
        (np.arange(60) ** 2, "price_index", "number"),
        (np.arange(60) ** 2, "row_index", "identifier"),
        (np.arange(60) ** 2, "userid", "identifier"),
        (np.arange(60) % 59, "id", "number"),
        (np.where(np.arange(60) == 30, np.inf, np.arange(60.0)), "id", "number"),
        (np.cumsum(np.full(60, 5, np.uint8), dtype=np.uint8), "x", "number"),
        (np.array([*IDS[:55], *[None] * 300], object), "note", "text"),
        (np.array([*IDS[:40], *[None] * 300], object), "note", "category"),
        (np.array([f"2024-01-{i % 28 + 1:02}" for i in range(60)], object), "day", "date"),
        (np.array([f"2024-01-{i % 28 + 1:02}" for i in range(59)] + ["soon"], object), "day", "category"),
        (np.array([Decimal(i % 7) for i in range(60)], object), "x", "number"),
        (np.array([10**400, 1] * 30, object), "x", "number"),
        (np.array([[1], {}] * 30 + [None], object), "x", "number"),
        (np.array(["a", {}] * 30, object), "x", "category"),
        (np.array([date(2024, 1, 1 + i % 9) for i in range(60)], object), "day", "date"),
        (np.full(60, np.nan), "x", "constant"),
        (np.full(49, 1.0), "x", "number"),
    ],
)
def test_types_follow_from_values(values, name, kind):
    assert column_types.infer(values, name).kind == kind
