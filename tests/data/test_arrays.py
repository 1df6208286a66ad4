"""What users pass: shared where the core can read it, converted otherwise, or refused in clear words."""

import fractions
import tracemalloc

import numpy as np
import pytest
from compiled_nn.data import arrays, class_labels

DTYPES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
]
LAYOUTS = {
    "C": lambda A: np.ascontiguousarray(A),
    "feature-major": lambda A: np.asfortranarray(A),
    "strided": lambda A: np.repeat(np.repeat(A, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda A: np.ascontiguousarray(A[::-1, ::-1])[::-1, ::-1],
    "read-only": lambda A: _read_only(A.copy()),
    "broadcast": lambda A: np.broadcast_to(A[:1], A.shape),
}


def _read_only(A):
    A.flags.writeable = False
    return A


class Foreign:
    """Like a data frame or a tensor: offers its numbers through __array__ only."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


class Subclass(np.ndarray):
    def __mul__(self, other):
        raise AssertionError("a subclass must be left behind at the border")


class Sparse:
    """Looks like scipy.sparse to whoever does not import it."""

    nnz = 1

    def toarray(self):
        raise AssertionError("a sparse matrix must not be filled behind the user's back")


class ElsewhereTensor:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


def design(X, dtype="float32", n_features=None):
    return arrays.design(X, dtype=dtype, n_features=n_features)


# ---- samples that are accepted


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", DTYPES)
def test_what_the_core_reads_is_not_copied(name, layout):
    X = LAYOUTS[layout](np.arange(12).reshape(4, 3).astype(name))
    result = design(X)
    assert np.shares_memory(result, X)
    assert result.strides == X.strides
    assert result.dtype == X.dtype


@pytest.mark.parametrize(
    ("X", "expected_dtype"),
    [
        ([[1, 2], [3, 4]], "int64"),
        ([[1.5, 2], [3, 4]], "float64"),
        (((True, False), (False, True)), "bool"),
        (np.array([[1, 2], [3, 4]], "float16"), "float32"),
        (np.array([[1, 2], [3, 4]], "longdouble"), "float64"),
        (np.array([[1, 2], [3, 4]], ">f4"), "float32"),
        (np.array([[1, 2], [3, 4]], ">i2"), "int16"),
        (np.array([[1, 2], [3, 4]], dtype=object), "float64"),
        (np.array([[1, fractions.Fraction(3, 2)], [3, 4]], dtype=object), "float64"),
        (np.array([[2**40, 1], [2**63, 2**64 - 1]], "uint64"), "uint64"),
        ([[2**70, 1]], "float64"),
        (np.ma.array([[1.0, 2.0]], mask=False), "float64"),
        (Foreign(np.array([[1.0, 2.0]], "float32")), "float32"),
        (np.array([[1, 2], [3, 4]]).view(Subclass), "int64"),
    ],
)
def test_the_rest_is_converted(X, expected_dtype):
    result = design(X)
    assert type(result) is np.ndarray
    assert result.dtype == np.dtype(expected_dtype)
    assert result.dtype.isnative
    expected = np.array(X.array if isinstance(X, Foreign) else X, dtype=np.longdouble)
    np.testing.assert_array_equal(result.astype(np.longdouble), expected)


def test_foreign_arrays_are_not_copied():
    A = np.ones((3, 2), "float32")
    assert np.shares_memory(design(Foreign(A)), A)


class Exchanged:
    """Offers its numbers by DLPack only; of device 1, the processor's own, or of another."""

    def __init__(self, array, device=1):
        self.array, self.device = array, device

    def __dlpack__(self, **how):
        if self.device != 1:
            raise BufferError("not in main memory")
        return self.array.__dlpack__(**how)

    def __dlpack_device__(self):
        return self.device, 0


def test_exchanged_arrays_are_not_copied():
    A = np.ones((3, 2), "float32")
    assert np.shares_memory(design(Exchanged(A)), A)
    with pytest.raises(TypeError, match="X cannot be read as an array: not in main memory"):
        design(Exchanged(A, device=2))


def test_tensors_are_not_copied():
    torch = pytest.importorskip("torch")
    tensor = torch.ones((3, 2))
    shared = design(tensor)
    tensor[0, 0] = 7
    assert shared[0, 0] == 7
    with pytest.raises(TypeError, match=r"X cannot be read as an array: .*requires grad"):
        design(tensor.requires_grad_())


def test_misaligned_numbers_are_copied():
    raw = np.zeros(4 * 9, "uint8")
    X = np.ndarray((4,), dtype=np.dtype([("a", "u1"), ("x", "<f8")]), buffer=raw)["x"].reshape(4, 1)
    assert not X.flags.aligned
    assert design(X).flags.aligned


@pytest.mark.parametrize("shape", [(5, 4, 3), (5, 4, 3, 2)])
def test_images_are_flattened_row_by_row(shape, rng):
    X = rng.integers(0, 256, shape).astype("uint8")
    result = design(X)
    assert np.shares_memory(result, X)
    np.testing.assert_array_equal(result, X.reshape(5, -1))
    np.testing.assert_array_equal(design(np.asfortranarray(X)), X.reshape(5, -1))


@pytest.mark.parametrize("name", ["uint8", "float32", "float64"])
def test_checking_makes_no_copy(name):
    X = np.ones((2000, 1000), name)
    tracemalloc.start()
    design(X)
    design(X.T)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


# ---- samples that are refused

BAD_SAMPLES = {
    "None": (None, TypeError, "X is None"),
    "text": ("abc", TypeError, "X is 'abc'; expected an array"),
    "text in a list": ([[1, "a"]], TypeError, "X holds text"),
    "bytes": (np.array([[b"a"]]), TypeError, "X holds bytes"),
    "text among objects": (np.array([[1, "3.5"]], dtype=object), TypeError, r"X\[0, 1\] is '3.5'"),
    "dict": ({"a": [1], "b": 2}, TypeError, "X is a dict with a column, 'a', and a single value, 'b'"),
    "set": ({1, 2}, TypeError, "X is a set; expected an array"),
    "generator": ((i for i in range(3)), TypeError, r"X is a generator; expected an array. Pass list\(X\)"),
    "object": (object(), TypeError, "X is of the type object; the network takes real numbers"),
    "None among numbers": ([[1, None]], ValueError, "X contains NaN: row 0, column 1"),
    "complex": ([[1j]], TypeError, r"X holds complex numbers \(complex128\)"),
    "complex object": (np.array([[1, 2j]], dtype=object), TypeError, r"X\[0, 1\] is 2j"),
    "complex64 object": (np.array([[np.complex64(1)]], dtype=object), TypeError, r"X\[0, 0\] is"),
    "dates": (np.array([["2020-01-01"]], "M8[D]"), TypeError, "X holds dates"),
    "durations": (np.array([[1]], "m8[s]"), TypeError, "X holds time differences"),
    "records": (np.zeros((2, 2), [("a", "f4")]), TypeError, "X holds records"),
    "ragged": ([[1, 2], [3]], ValueError, "X is ragged"),
    "sparse": (Sparse(), TypeError, r"X is sparse \(Sparse\).*X.toarray\(\)"),
    "masked": (np.ma.array([[1.0, 2.0]], mask=[[0, 1]]), ValueError, r"X has masked entries.*X.filled"),
    "elsewhere": (ElsewhereTensor(), TypeError, "X cannot be read as an array: can't convert cuda:0"),
    "no dimension": (3.0, TypeError, "X is 3.0; expected an array"),
    "one dimension": ([1, 2, 3], ValueError, r"X has 1 dimension; expected 2.*X.reshape\(-1, 1\)"),
    "five dimensions": (np.zeros((1,) * 5), ValueError, "X has 5 dimensions"),
    "no rows": (np.zeros((0, 4)), ValueError, "X is empty: it has 0 rows and 4 columns"),
    "no columns": (np.zeros((4, 0)), ValueError, "X is empty: it has 4 rows and 0 columns"),
    "no images": (np.zeros((0, 2, 2)), ValueError, "X is empty: it has 0 rows and 4 columns"),
    "no pixels": (np.zeros((2, 0, 2)), ValueError, "X is empty: it has 2 rows and 0 columns"),
    "empty list": ([], ValueError, "X is empty"),
    "NaN": ([[1, np.nan]], ValueError, "X contains NaN: row 0, column 1"),
    "half NaN": (np.array([[1], [np.nan]], "f2"), ValueError, "X contains NaN: row 1, column 0"),
    "infinity": ([[1], [np.inf]], ValueError, "X contains infinity: row 1, column 0"),
    "minus infinity": ([[1], [-np.inf]], ValueError, "X contains infinity: row 1, column 0"),
    "too large": ([[1e39]], ValueError, r"X contains 1e\+39, a value too large for float32: row 0, column 0"),
    "too low": ([[-1e39]], ValueError, r"X contains -1e\+39, a value too large for float32"),
    "beyond doubles": (np.array([["1e400"]], "longdouble"), ValueError, "X contains infinity"),
}


@pytest.mark.parametrize("case", BAD_SAMPLES)
def test_bad_samples_are_refused(case):
    X, error, words = BAD_SAMPLES[case]
    with pytest.raises(error, match=words):
        design(X)


def test_wrong_width_names_both_numbers():
    with pytest.raises(ValueError, match=r"^X has 783 columns; the network takes 784\.$"):
        design(np.zeros((2, 783)), n_features=784)


def test_large_numbers_suit_float64():
    assert design([[1e39, -1e300]], dtype="float64").shape == (1, 2)
    for shape in ((1, 2), (700, 900)):
        assert design(np.full(shape, 3e38, "float32")).shape == shape


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layout", ["C", "feature-major", "strided", "reversed"])
@pytest.mark.parametrize("shape", [(1, 5), (1, 9000), (9000, 1), (700, 900), (3, 400_000)])
def test_every_place_is_checked(shape, layout, bad, rng):
    """Small arrays, arrays of several blocks, and rows longer than a block."""
    X = rng.normal(size=shape).astype("float32")
    for row, column in [(0, 0), (shape[0] - 1, shape[1] - 1), (shape[0] // 2, shape[1] // 3)]:
        Y = X.copy()
        Y[row, column] = bad
        with pytest.raises(ValueError, match=f"row {row}, column {column}\\."):
            design(LAYOUTS[layout](Y))


# ---- targets


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (["b", "a", "b"], ["a", "b"]),
        ([b"b", b"a", b"b"], [b"a", b"b"]),
        ([3, 1, 3], [1, 3]),
        ([True, False, True], [False, True]),
        ([0.5, -2.0, 0.5], [-2.0, 0.5]),
        (np.array([2, 1, 2], ">i4"), [1, 2]),
        (np.array([2, 1, 2], "longdouble"), [1.0, 2.0]),
        (np.array(["b", "a", "b"], dtype=object), ["a", "b"]),
        (np.array(["b", "a", "b"], dtype=np.dtypes.StringDType()), ["a", "b"]),
        (np.array([[3], [1], [3]]), [1, 3]),
        (Foreign(np.array([3, 1, 3])), [1, 3]),
    ],
)
def test_labels_of_any_type(y, classes):
    labels = class_labels.read(arrays.targets(y))
    found = class_labels.distinct(labels)
    assert found.tolist() == classes
    assert found.dtype.isnative
    np.testing.assert_array_equal(class_labels.indices(labels, found), [1, 0, 1])


def test_classes_take_no_more_room_than_their_text():
    y = np.array(["b", "a"], "<U500")
    assert class_labels.distinct(class_labels.read(y)).dtype == np.dtype("<U1")


BAD_LABELS = {
    "None": (None, TypeError, "y is None"),
    "mixed": ([1, "a"], TypeError, "y mixes numbers with text: row 0 is 1, row 1 is 'a'"),
    "mixed objects": (
        np.array([1, "a"], dtype=object),
        TypeError,
        "y mixes numbers with text: row 0 is 1, row 1 is 'a'",
    ),
    "None inside": ([1, None], ValueError, "Input y contains None: row 1"),
    "complex": ([1j, 2], TypeError, "y holds complex numbers"),
    "objects": ([object(), object()], TypeError, "y holds <object"),
    "dates": (np.array(["2020-01-01"], "M8[D]"), TypeError, "y holds dates"),
    "NaN": ([0.0, np.nan], ValueError, "y contains NaN: row 1"),
    "infinity": ([0.0, np.inf], ValueError, "y contains infinity: row 1"),
    "empty": ([], ValueError, "y is empty"),
    "scalar": (3, TypeError, "y is 3; expected an array"),
    "three dimensions": (np.zeros((2, 2, 2)), ValueError, "y has 3 dimensions"),
    "ragged": ([[1], [2, 3]], ValueError, "y is ragged"),
    "sparse": (Sparse(), TypeError, "y is sparse"),
    "masked": (np.ma.array([1, 2], mask=[0, 1]), ValueError, "y has masked entries"),
    "a book": (
        ["x" * 1001, "y"],
        ValueError,
        "y has a label of 1001 characters; the longest allowed has 1000",
    ),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_labels_are_refused(case):
    y, error, words = BAD_LABELS[case]
    with pytest.raises(error, match=words):
        class_labels.distinct(class_labels.read(arrays.targets(y)))


@pytest.mark.parametrize(
    ("classes", "y"),
    [
        ([0, 1], [0, 2]),
        ([0, 1], [-1, 0]),
        (["a", "b"], ["a", "c"]),
        (["0", "1"], [0, 1]),
        ([0, 1], ["0", "1"]),
        ([b"a", b"b"], ["a", "b"]),
        (["a", "b"], [b"a", b"\xff"]),
        ([0, 1], [0.5, 1.0]),
    ],
)
def test_unseen_labels_are_named(classes, y):
    with pytest.raises(ValueError, match="has classes not in `self") as raised:
        class_labels.indices(np.array(y), np.array(classes))
    assert repr(np.unique(y).tolist()) in str(raised.value)


def test_labels_of_equal_value_are_the_same_class():
    classes = np.array([0, 1])
    for y in ([True, False], [1.0, 0.0], np.array([1, 0], "uint8")):
        np.testing.assert_array_equal(class_labels.indices(np.array(y), classes), [1, 0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values(dtype):
    for y in ([1, 2, 3], [[1], [2], [3]], np.array([1, 2, 3], "uint8"), np.array([1, 2, 3], ">f8")):
        result = arrays.values(y, n_outputs=1, dtype=dtype)
        assert result.dtype == dtype
        assert result.flags.c_contiguous
        assert result.tolist() == [[1], [2], [3]]
    two = np.asfortranarray([[1.0, 2.0], [3.0, 4.0]])
    assert arrays.values(two, n_outputs=2, dtype=dtype).flags.c_contiguous


def test_ready_values_are_not_copied():
    y = np.ones((3, 2), "float32")
    assert np.shares_memory(arrays.values(y, n_outputs=2, dtype="float32"), y)


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        ([[1, 2]], ValueError, "y has 2 columns; the network has 3 outputs"),
        ([[1, 2, np.nan]], ValueError, "y contains NaN: row 0, column 2"),
        ([[1, 2, 1e39]], ValueError, "too large for float32"),
        ([["a", "b", "c"]], TypeError, "y holds text"),
        ([[1j, 2, 3]], TypeError, "y holds complex"),
    ],
)
def test_bad_values_are_refused(y, error, words):
    with pytest.raises(error, match=words):
        arrays.values(y, n_outputs=3, dtype="float32")
