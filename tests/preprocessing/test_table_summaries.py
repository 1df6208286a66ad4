"""Joined summaries of the parts of a table give the encoder of the whole table, its warnings and its errors."""

import datetime
import itertools
import pickle
import warnings
from decimal import Decimal

import numpy as np
import pytest
from compiled_nn.common.errors import CompiledNNWarning
from compiled_nn.data import column_facts, column_types, counted
from compiled_nn.preprocessing import Tabular
from compiled_nn.preprocessing.table_summary import TableSummary, joined
from hypothesis import given, settings
from hypothesis import strategies as st

pandas = pytest.importorskip("pandas", reason="tables of pandas are cut and joined")


def fit_parts(encoder, parts):
    """Fit an encoder from the summaries of parts, which are sent between processes."""
    summary = joined([pickle.loads(pickle.dumps(TableSummary.of(encoder, part))) for part in parts])
    if summary.lacking:
        summary = joined([TableSummary.of(encoder, part, summary.lacking) for part in parts])
    assert not summary.lacking
    return encoder.fit_summary(summary)


def outcome(fit):
    """Return columns, warnings and the type of the error of a fit."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            columns = fit().to_config()
        except (TypeError, ValueError) as error:
            return None, [], type(error)
    return columns, [str(warning.message) for warning in caught], None


def check_same(found, expected):
    """Compare two outcomes; means, which are sums in another order, up to 1e-12 of their size."""
    columns, messages, error = found
    others, expected_messages, expected_error = expected
    assert error == expected_error
    assert messages == expected_messages
    if columns is None:
        return
    for column, other in zip(columns, others, strict=True):
        assert column.keys() == other.keys()
        for key, value in column.items():
            if key in ("mean", "means"):
                np.testing.assert_allclose(value, other[key], rtol=1e-12, atol=1e-12)
            else:
                assert value == other[key]
                assert repr(value) == repr(other[key]), "1, 1.0 and True are equal"


def cut(X, ends):
    """Return the parts of a table or an array."""
    take = X.iloc.__getitem__ if hasattr(X, "iloc") else X.__getitem__
    return [
        take(slice(start, end)) for start, end in zip([0, *ends], [*ends, len(X)], strict=True) if end > start
    ]


def day(i, start="2024-01-30"):
    return np.datetime64(start) + np.timedelta64(int(i), "D")


KINDS = {
    "even": lambda rng, m: np.arange(m) * 3 - 7,
    "down": lambda rng, m: np.arange(m)[::-1].astype(np.int8) if m < 100 else np.arange(m)[::-1],
    "two steps": lambda rng, m: np.where(np.arange(m) < 25, 0, np.arange(m) - 25) + np.arange(m),
    "two constants": lambda rng, m: np.where(np.arange(m) < 25, 1.0, 2.0),
    "shuffled": lambda rng, m: rng.permutation(m),
    "whole floats": lambda rng, m: rng.permutation(m).astype(float),
    "counts": lambda rng, m: rng.integers(0, 4, m),
    "flags": lambda rng, m: rng.random(m) < 0.5,
    "numbers": lambda rng, m: rng.normal(size=m).astype(np.float32),
    "gaps": lambda rng, m: np.where(rng.random(m) < 0.2, np.nan, rng.normal(size=m) * 1e6),
    "constant": lambda rng, m: np.full(m, 3.0),
    "no numbers": lambda rng, m: np.full(m, np.nan),
    "cities": lambda rng, m: rng.choice(np.array(["Rome", "Bari", "Ulm", None], object), m),
    "text": lambda rng, m: np.array([f"t{i}" for i in rng.permutation(m)], object),
    "free text": lambda rng, m: np.array([f"t{i}" for i in rng.integers(0, m, m)], object),
    "constant text": lambda rng, m: np.array(["x"] * m, object),
    "nothing": lambda rng, m: np.array([None] * m, object),
    "decimals": lambda rng, m: np.array([f"{i}.5" for i in rng.integers(0, 5, m)], object),
    "iso": lambda rng, m: np.array([str(day(i)) for i in rng.integers(0, 60, m)], object),
    "mostly iso": lambda rng, m: np.array(["later"] + [str(day(i)) for i in range(m - 1)], object),
    "no iso": lambda rng, m: np.array(["2023-02-30"] + [str(day(i)) for i in range(m - 1)], object),
    "dates": lambda rng, m: np.array([day(i) for i in rng.integers(0, 400, m)], "datetime64[s]"),
    "date": lambda rng, m: np.array([day(0)] * m, "datetime64[s]"),
    "missing dates": lambda rng, m: np.array(
        [day(i) if i > 30 else np.datetime64("NaT", "D") for i in rng.integers(0, 99, m)], "datetime64[us]"
    ),
    "objects": lambda rng, m: np.array([None if i % 7 == 0 else int(i) for i in range(m)], object),
    "mixed numbers": lambda rng, m: np.array(
        [[1, 2.5, True, Decimal("0.5")][i % 4] for i in range(m)], object
    ),
    "mixed": lambda rng, m: np.array([f"t{i}" if i > m // 2 else int(i) for i in range(m)], object),
    "mixed dates": lambda rng, m: np.array(
        [datetime.date(2024, 1, 1 + i % 20) if i > m // 2 else "x" for i in range(m)], object
    ),
    "dates and numbers": lambda rng, m: np.array(
        [datetime.datetime(2024, 1, 1 + i % 20) if i > m // 2 else 2.5 for i in range(m)], object
    ),
    "zones": lambda rng, m: np.array(
        [f"2024-01-{i % 20 + 1:02} 10:00" + ("Z" if i > m // 2 else "") for i in range(m)], object
    ),
    "infinite": lambda rng, m: np.where(np.arange(m) == m // 2, np.inf, 1.0),
    "large": lambda rng, m: np.array([2**53 + 1 + i % 3 for i in range(m)], object),
    "pairs": lambda rng, m: np.fromiter([(i, i) for i in range(m)], object, m),
}
NAMES = ("id", "customer_id", "a", "b", "city")


@st.composite
def tables(draw, kinds=tuple(kind for kind in KINDS if kind != "pairs")):
    """Return a dict of columns and the ends of its parts; cells of several values are an error when they are read."""
    m = draw(st.integers(1, 9) | st.integers(45, 130))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    columns = {name: KINDS[draw(st.sampled_from(kinds))](rng, m) for name in names}
    ends = sorted(draw(st.lists(st.integers(0, m), max_size=4)))
    return {**columns, "used": rng.normal(size=m)}, ends


encoders = st.builds(
    dict,
    categorical_features=st.sampled_from(["auto"] * 4 + [(), ("used",), (0,)]),
    min_frequency=st.sampled_from([None, 2, 0.2]),
    column_types=st.sampled_from([None] * 4 + [{0: word} for word in column_types.WORDS]),
)


def parameters(given):
    """Return parameters of an encoder without those that contradict others."""
    contradicts = given["categorical_features"] == (0,) and given["column_types"]
    return {**given, "column_types": None} if contradicts else given


@given(tables(), encoders)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_parts_of_a_frame(table, options):
    columns, ends = table
    X, options = pandas.DataFrame(columns), parameters(options)
    expected = outcome(lambda: Tabular(**options).fit(X))
    check_same(outcome(lambda: fit_parts(Tabular(**options), cut(X, ends))), expected)


@given(tables(), encoders)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_parts_of_an_array_of_objects(table, options):
    """Each part has separate types: whole numbers in one part, decimals or text in another."""
    columns, ends = table
    options = parameters(options)
    if options["categorical_features"] == ("used",):
        options["categorical_features"] = (len(columns) - 1,)
    X = np.empty((len(columns["used"]), len(columns)), object)
    for i, column in enumerate(columns.values()):
        X[:, i] = column.astype("datetime64[us]") if column.dtype.kind == "M" else column
    expected = outcome(lambda: Tabular(**options).fit(X))
    check_same(outcome(lambda: fit_parts(Tabular(**options), cut(X, ends))), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind(kind):
    """Cut in two, in three and in single rows, as a column of a frame and of an array of objects."""
    for m, ends in ((60, [25]), (60, [1, 58]), (8, range(1, 8)), (51, [50])):
        column = KINDS[kind](np.random.default_rng(m), m)
        table = pandas.DataFrame({"id": column, "a": column, "used": np.arange(m) % 3})
        array = np.empty((m, 2), object)
        array[:, 0] = column.astype("datetime64[us]") if column.dtype.kind == "M" else column
        array[:, 1] = np.arange(m) % 3
        for X in (table, array):
            expected = outcome(lambda: Tabular().fit(X))  # noqa: B023
            check_same(outcome(lambda: fit_parts(Tabular(), cut(X, list(ends)))), expected)  # noqa: B023


@pytest.mark.parametrize("n", [10, 200])
def test_columns_of_another_kind_in_other_parts_are_an_error(n):
    """Also dates whose joined column would be left out as text with many levels."""
    days = pandas.date_range("2020-01-01", periods=n)
    columns = {"numbers": np.arange(n) % 7 + 0.5, "dates": days, "text": days.astype(str)}
    for first, second in itertools.permutations(columns, 2):
        if "dates" not in (first, second) and n > 10:
            continue  # text and numbers: the column is left out
        parts = [pandas.DataFrame({"a": columns[first]}), pandas.DataFrame({"a": columns[second]})]
        kinds = " in some parts and ".join(sorted((first, second)))
        with pytest.raises(TypeError, match=rf"X\['a'\] holds {kinds} in others. Convert all of them"):
            fit_parts(Tabular(), parts)


@pytest.mark.parametrize(
    ("names", "types"),
    [("ab", {"a": "number"}), ("b", {"b": "date"}), ("ab", {"c": "date"})],
)
def test_errors_have_the_words_of_one_table(names, types):
    X = pandas.DataFrame({"a": ["x"] * 5 + [1] * 5, "b": np.arange(10.0)})[list(names)]
    with pytest.raises((TypeError, ValueError)) as expected:
        Tabular(column_types=types).fit(X)
    with pytest.raises(expected.type) as found:
        fit_parts(Tabular(column_types=types), cut(X, [5]))
    assert str(found.value) == str(expected.value)


DTYPES = {
    "whole, with gaps": ([1, 2, 3], [1.5, np.nan, 2.0]),
    "whole, without a number": ([1, 2, 3], [np.nan, np.nan]),
    "large, with gaps": ([2**53 + 1, 2], [1.5, np.nan]),
    "flags, whole": ([True, False], [1, 2]),
    "32 and 64 bits": (np.array([1, 2], "float32"), np.array([0.1, 0.7])),
    "nullable": (pandas.array([1, 2, None], "Int64"), pandas.array([4, 5], "Int64")),
    "nothing, text": ([None, None], ["a", "b"]),
    "nothing, dates": ([np.nan], pandas.to_datetime(["2024-01-01", "2024-01-02"])),
    "text, categories": (["a", "b"], pandas.Categorical(["b", "c"])),
    "strings": (pandas.array(["a", None], "string"), ["b", "a"]),
    "days, seconds": (np.array(["2024-01-01"], "M8[s]"), np.array(["2024-05-02T10"], "M8[ns]")),
    "text and dates": (["x"], np.array(["2024-05-02T10"], "M8[ns]")),
    "whole, text": ([1, 2], ["a", "b"]),
    "zones": (pandas.to_datetime(["2024-01-01"]).tz_localize("UTC"), pandas.to_datetime(["2024-01-01"])),
    "one zone": (pandas.to_datetime(["2024-01-01"]).tz_localize("UTC"),) * 2,
}


@pytest.mark.parametrize("word", [None, "category"])
@pytest.mark.parametrize("case", DTYPES)
def test_parts_of_different_dtypes(case, word):
    """The result is that of pandas.concat, also with the 60 rows from which on columns are left out."""
    for times in (1, 60):
        parts = [
            pandas.DataFrame({"a": pandas.Series(values).repeat(times).reset_index(drop=True)}).assign(
                b=np.arange(len(values) * times) % 2
            )
            for values in DTYPES[case]
        ]
        types = None if word is None else {"a": word}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of pandas, for parts without values
            X = pandas.concat(parts, ignore_index=True)
        expected = outcome(lambda: Tabular(column_types=types).fit(X))  # noqa: B023
        check_same(outcome(lambda: fit_parts(Tabular(column_types=types), parts)), expected)  # noqa: B023


def test_dates_and_numbers_are_an_error_that_names_the_column():
    parts = [pandas.DataFrame({"a": [1.5, 2.0]}), pandas.DataFrame({"a": pandas.to_datetime(["2024-01-01"])})]
    with pytest.raises(TypeError, match=r"X\['a'\] holds dates in some parts and numbers in others"):
        fit_parts(Tabular(), parts)


def test_a_categorical_dtype_needs_not_have_the_same_categories_in_all_parts():
    numbers = np.arange(60) % 5
    parts = [
        pandas.DataFrame({"a": pandas.Categorical(part), "b": part}) for part in (numbers[:3], numbers[3:])
    ]
    whole = pandas.DataFrame({"a": pandas.Categorical(numbers), "b": numbers})
    check_same(outcome(lambda: fit_parts(Tabular(), parts)), outcome(lambda: Tabular().fit(whole)))
    empty = pandas.DataFrame({"a": [None] * 3, "b": [1, 2, 3]})
    encoder = fit_parts(Tabular(), [empty, *parts])
    assert encoder.columns_[0].categories == (0, 1, 2, 3, 4)
    parts[0]["a"] = parts[0]["a"].astype(int)
    assert fit_parts(Tabular(), parts).columns_[0].column_type.kind == "number"


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_other_libraries(library):
    module = pytest.importorskip(library)
    rng = np.random.default_rng(0)
    kinds = ["even", "gaps", "flags", "cities", "free text", "iso", "dates", "missing dates", "decimals"]
    columns = {kind: KINDS[kind](rng, 120) for kind in kinds}
    columns = {k: c.astype("M8[us]") if c.dtype.kind == "M" else c for k, c in columns.items()}
    X = module.DataFrame(columns) if library == "polars" else module.table(columns)
    parts = [X[:40], X[40:41], X[41:]]
    check_same(outcome(lambda: fit_parts(Tabular(), parts)), outcome(lambda: Tabular().fit(X)))


@pytest.fixture
def few_levels(monkeypatch):
    for module in (column_facts, column_types, counted):
        monkeypatch.setattr(module, "MOST_LEVELS", 30)


def test_text_with_more_levels_than_are_counted_is_free_text(few_levels):
    text = np.array([f"t{i}" for i in range(40)] * 5, object)
    whole = pandas.DataFrame({"a": text, "b": np.arange(200) % 7})
    with pytest.warns(CompiledNNWarning, match="it is text with more than 30 levels in 200 rows"):
        encoder = fit_parts(Tabular(), cut(whole, [20, 100]))
    assert encoder.columns_[0].kind == "text"
    with pytest.raises(ValueError, match=r"X\['a'\] has more than .* categories"):
        fit_parts(Tabular(column_types={"a": "category"}), cut(whole, [20, 100]))
    whole["a"] = [f"{i}.5" for i in range(200)]
    with pytest.warns(CompiledNNWarning, match="are decimal numbers written as text"):
        fit_parts(Tabular(), cut(whole, [100]))
    whole["a"] = [str(day(i)) for i in range(200)]
    check_same(
        outcome(lambda: fit_parts(Tabular(), cut(whole, [20, 100]))), outcome(lambda: Tabular().fit(whole))
    )


def test_identifiers_beyond_the_levels_that_are_counted_are_compared_by_a_sample(few_levels):
    rng = np.random.default_rng(0)
    numbers = rng.permutation(100_000)
    parts = np.split(numbers, 20)
    keys = column_facts.Keys.of(parts[0])
    for part in parts[1:]:
        keys = keys.joined(column_facts.Keys.of(part.astype(float)))
        assert len(keys.numbers) <= 30
    assert keys.different
    assert keys.depth >= 10
    again = keys.joined(column_facts.Keys.of(keys.numbers[:1]))
    assert not again.different, "a number that is in the sample occurs again"
