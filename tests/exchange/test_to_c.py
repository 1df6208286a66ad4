"""Models in C: compiled with all warnings as errors, the source computes what the library computes, for every kind."""

import ctypes
import re
import shutil
import subprocess
import sys

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.exchange import verification
from compiled_nn.exchange.to_c import compiler as compilers
from compiled_nn.exchange.to_c import names
from model_kinds import KINDS

STRICT = "-std=c99 -Wall -Wextra -Wshadow -Werror -pedantic"
GCC = shutil.which("gcc")
needs_gcc = pytest.mark.skipif(GCC is None, reason="there is no C compiler")
SOME = ["softmax", "far inputs", "residual", "bins and clip", "table with bins and clip", "ensemble, gaussian",
        "ensemble of quantiles", "ensemble, calibrated", "ordinal", "TabularClassifier"]  # fmt: skip


@pytest.fixture
def strict(monkeypatch):
    """Compile exported sources with all warnings as errors."""
    monkeypatch.setenv("CC", f"gcc {STRICT}")


@pytest.fixture
def no_compiler(monkeypatch):
    monkeypatch.setattr(compilers, "find_compiler", lambda: None)


@needs_gcc
@pytest.mark.parametrize("kind", KINDS)
def test_compiled_source_predicts_the_same(kind, tmp_path, strict, differences):
    """The export compiles the source, runs its self-test, and raises if predictions differ by more than 1e-5."""
    model, _ = KINDS[kind]("float32")
    result = model.to_c(tmp_path / "model.c")
    assert result.rows >= 64
    assert result.largest_difference <= 1e-5
    assert result.against.startswith("gcc")
    differences("C float32", kind, "float32", result.largest_difference)


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_takes_the_place_of_the_compiler(kind, tmp_path, no_compiler, differences):
    model, _ = KINDS[kind]("float64")
    result = model.to_c(tmp_path / "model.c", dtype="float64")
    assert result.largest_difference <= 1e-9
    assert "an emulation in numpy" in (tmp_path / "model.h").read_text()
    assert model.to_c(tmp_path / "model.c").largest_difference <= 1e-5
    differences("C float64", kind, "float64", result.largest_difference)


@needs_gcc
@pytest.mark.parametrize("kind", SOME)
def test_compiled_source_of_doubles_predicts_the_same(kind, tmp_path, strict):
    model, _ = KINDS[kind]("float64")
    assert model.to_c(tmp_path / "model.c", dtype="float64").largest_difference <= 1e-9


@needs_gcc
@pytest.mark.parametrize("kind", SOME)
def test_int8_is_close_to_the_model(kind, tmp_path, strict, differences):
    model, X = KINDS[kind]("float32")
    result = model.to_c(tmp_path / "model.c", dtype="int8", calibration_data=X)
    assert 0 < result.largest_difference < 0.1  # 8 bits for each number, through up to three layers
    differences("C int8", kind, "float32", result.largest_difference)
    assert "static const signed char model_w_0_0" in (tmp_path / "model.c").read_text()


@pytest.fixture(scope="session")
def digits():
    data = cnn.datasets.load_digits()
    net = cnn.Network([cnn.Dense(64, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0, dtype="float32")
    return net.fit(data.X_train, data.y_train, epochs=15), data


def built(source, *flags):
    """Compile a source as a shared library, and return it."""
    library = source.with_suffix(".so")
    subprocess.run(
        [GCC, *STRICT.split(), *flags, "-fPIC", "-shared", str(source), "-o", str(library), "-lm"], check=True
    )
    return ctypes.CDLL(str(library))


def predict(library, name, X, n_outputs, real=np.float32):
    """Return results (m,) and outputs (m, n_outputs) of the C function."""
    function = getattr(library, f"{name}_predict")
    pointer = np.ctypeslib.ndpointer(real, flags="C")
    function.argtypes = [pointer, pointer]
    out = np.zeros((len(X), n_outputs), real)
    found = [function(row, to) for row, to in zip(np.ascontiguousarray(X, real), out, strict=True)]
    return np.array(found), out


@needs_gcc
def test_int8_of_digits(digits, tmp_path):
    """The weights need about a quarter of the memory, and the accuracy drops by less than half a point."""
    net, data = digits
    net.to_c(tmp_path / "small.c", dtype="int8", calibration_data=data.X_train[:300])
    net.to_c(tmp_path / "large.c")
    X = data.X_test.reshape(len(data.X_test), -1)
    library = built(tmp_path / "small.c")
    found, p = predict(library, "small", X, 10)
    accuracy = (found == data.y_test).mean()
    assert accuracy > net.score(data.X_test, data.y_test) - 0.005
    assert (found == p.argmax(axis=1)).all()
    assert np.abs(p - net.predict_proba(data.X_test)).max() > 0  # it is not the network in float
    subprocess.run([GCC, "-c", "small.c", "large.c"], cwd=tmp_path, check=True)
    sizes = [text_size(tmp_path / each) for each in ("small.o", "large.o")]
    weights = 4 * sum(W.size for W, _ in net.get_weights())
    assert sizes[1] - sizes[0] > 0.7 * weights  # 0.75, less one factor for each unit and more code


def text_size(path):
    """Return the bytes of code and constants of an object file."""
    printed = subprocess.run(["size", str(path)], capture_output=True, text=True, check=True).stdout
    return int(printed.splitlines()[1].split()[0])


@needs_gcc
def test_int8_equals_its_emulation(digits, tmp_path, monkeypatch):
    """The documented arithmetic, in NumPy, gives the results of the compiled source."""
    net, data = digits
    X = data.X_train[:200]
    exact = net.to_c(tmp_path / "a.c", dtype="int8", calibration_data=X)
    monkeypatch.setattr(compilers, "find_compiler", lambda: None)
    emulated = net.to_c(tmp_path / "b.c", dtype="int8", calibration_data=X)
    assert exact.largest_difference == pytest.approx(emulated.largest_difference, rel=1e-3)


@needs_gcc
@pytest.mark.parametrize("kind", ["softmax", "table with bins and clip", "ensemble of tables"])
def test_symbols_and_sanitizers(kind, tmp_path):
    """No allocation, no variable, no other symbol than the documented ones; no undefined behaviour in the self-test."""
    model, _ = KINDS[kind]("float32")
    model.to_c(tmp_path / "net.c", name="odd")
    subprocess.run([GCC, *STRICT.split(), "-O2", "-c", "net.c"], cwd=tmp_path, check=True)
    printed = subprocess.run(["nm", "net.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    symbols = [line.split()[-2:] for line in printed.splitlines()]
    allowed = {"odd_predict", "odd_classes", "odd_category_index", "odd_set_date"}
    assert {name for letter, name in symbols if letter.isupper() and letter != "U"} <= allowed
    assert not [name for letter, name in symbols if letter in "bBC"]  # variables
    assert not [
        name
        for letter, name in symbols
        if letter in "dD" and not name.startswith(("odd_names", "odd_classes"))
    ]
    needed = {name for letter, name in symbols if letter == "U"}
    assert needed <= {
        "expf",
        "tanhf",
        "sqrtf",
        "floorf",
        "log1pf",
        "erfcf",
        "expm1f",
        "sinf",
        "_GLOBAL_OFFSET_TABLE_",
    }
    # With -O3, gcc 12 takes a buffer that is set completely for one that may not be.
    optimized = "-O3 -ffp-contract=fast -Wno-maybe-uninitialized"
    for flags in ("-O2 -fsanitize=address,undefined -fno-sanitize-recover", optimized):
        command = f"gcc {STRICT} {flags} -DODD_SELF_TEST net.c -o test -lm && ./test"
        done = subprocess.run(command, cwd=tmp_path, shell=True, capture_output=True, text=True, check=False)
        if "cannot find" in done.stderr:
            pytest.skip("the sanitizers are not installed")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("largest difference")


@needs_gcc
def test_the_header_is_for_cpp_too(tmp_path):
    model, _ = KINDS["table"]("float32")
    model.to_c(tmp_path / "net.c")
    (tmp_path / "main.cpp").write_text(
        '#include "net.h"\nint main() { return net_classes[0] ? 0 : NET_N_INPUTS; }\n'
    )
    command = "gcc -c net.c && g++ -Wall -Wextra -Werror -pedantic main.cpp net.o -lm -o main && ./main"
    if shutil.which("g++") is None:
        pytest.skip("there is no C++ compiler")
    subprocess.run(command, cwd=tmp_path, shell=True, check=True)


@needs_gcc
def test_the_self_test_fails_for_other_weights(tmp_path):
    model, _ = KINDS["softmax"]("float32")
    model.to_c(tmp_path / "net.c")
    source = (tmp_path / "net.c").read_text()
    begin = source.index("net_b_0_2")
    changed = source[:begin] + re.sub(r"\{\n +\S+?f", "{\n    9.0f", source[begin:], count=1)
    assert changed != source
    (tmp_path / "net.c").write_text(changed)
    command = "gcc -DNET_SELF_TEST net.c -o test -lm && ./test"
    done = subprocess.run(command, cwd=tmp_path, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done
    assert "allowed are 1e-05" in done.stdout


@needs_gcc
def test_values_that_are_refused_in_c(tmp_path):
    model, X = KINDS["regression"]("float32")
    model.to_c(tmp_path / "net.c")
    library = built(tmp_path / "net.c")
    rows = np.array(X[:4], np.float32)
    rows[0, 1], rows[1, 2], rows[2, 0] = np.nan, -np.inf, 3e38
    found, out = predict(library, "net", rows, 1)
    assert found[:2].tolist() == [-1, -1]
    assert found[3] == 0
    assert out[3, 0] == pytest.approx(model.predict(X[3:4])[0], rel=1e-5)


@needs_gcc
def test_categories_and_dates_are_looked_up(tmp_path):
    model, _ = KINDS["table"]("float32")
    model.to_c(tmp_path / "net.c")
    library = built(tmp_path / "net.c")
    header = (tmp_path / "net.h").read_text()
    at = {key: int(value) for key, value in re.findall(r"#define NET_X_(\w+) (\d+)", header)}
    assert list(at) == ["AGE", "A_B", "CITY", "CODE", "SIZE", "ON", "VIP"]
    n_inputs = int(re.search(r"N_INPUTS (\d+)", header)[1])
    library.net_category_index.argtypes = [ctypes.c_int, ctypes.c_char_p]
    library.net_set_date.argtypes = [np.ctypeslib.ndpointer(np.float32), ctypes.c_int, ctypes.c_int64]
    dates = np.array(
        ["1969-12-31T23:30", "1900-02-28", "2000-02-29T12:00", "2019-12-01", "2400-12-31"], "M8[us]"
    )
    table = {
        "age": [1.0, 2.0, 0.5, -1.0, 0.0],
        "a b": [0.0, np.nan, 2.0, 1.0, 3.0],
        "city": ["é", "z/z", "a b", "elsewhere", None],
        "code": [0, 1, 2, 3, 9],
        "size": ["S", "rare", "XXL", None, "L"],
        "on": dates.tolist(),
        "vip": [True, False, True, None, False],
    }
    x = np.full((5, n_inputs), np.nan, np.float32)
    for row in range(5):
        for column in ("age", "a b", "code", "vip"):
            value = table[column][row]
            x[row, at[column.upper().replace(" ", "_")]] = np.nan if value is None else value
        for column in ("city", "size"):
            if table[column][row] is not None:
                index = library.net_category_index(at[column.upper()], table[column][row].encode())
                x[row, at[column.upper()]] = index
        library.net_set_date(x[row], at["ON"], int(dates[row].astype(np.int64)))
    assert x[3, at["CITY"]] == -1
    found, out = predict(library, "net", x, 3)
    assert np.abs(out - model.predict_proba(table)).max() < 1e-5
    assert [model.classes_[i] for i in found] == model.predict(table).tolist()


def test_names_texts_and_numbers():
    assert names.text('a"\\?é\n') == r'"a\"\\\?\303\251\012"'
    assert names.text(b"\xff0") == r'"\3770"'
    assert names.macro_names(["a b", "A-B", "é", "9", ""]) == ["A_B", "A_B_2", "COLUMN", "9", "COLUMN_2"]
    assert names.comment("*/ /* é ??/") == "* / / * \\xe9 ? ?/"
    assert [names.number(value, "float32") for value in (0.1, 3, np.nan, -np.inf, 1e-45)] == [
        "0.1f", "3.0f", "NAN", "-INFINITY", "1e-45f"
    ]  # fmt: skip
    assert names.number(0.1, "float64") == "0.1"


@needs_gcc
def test_odd_titles_and_labels(tmp_path, strict):
    """Titles and labels that would end a comment or a text, or that are macros, do not change the source."""
    titles = ["*/ int x;", "??/", "\\", '"', "é", "a\nb", "predict", "PREDICT"]
    rows = {title: np.linspace(0, i, 30).tolist() for i, title in enumerate(titles)}
    rows["text\n*/"] = ['"', "\\", "??="] * 10
    labels = ['"; */', "\\n", "??/"] * 10
    net = cnn.Network([cnn.Dense(3)], dtype="float32", seed=0, categorical_features="auto")
    net.fit(rows, labels, epochs=1)
    net.to_c(tmp_path / "odd name-1.c")
    library = built(tmp_path / "odd name-1.c")
    classes = (ctypes.c_char_p * 3).in_dll(library, "odd_name_1_classes")
    assert [each.decode() for each in classes] == net.classes_.tolist()
    assert [library.odd_name_1_category_index(8, each) for each in (b'"', b"??=", b"\\", b"")] == [
        0,
        1,
        2,
        -1,
    ]


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("net.cpp", {}, "expected one that ends in .c"),
        ("new\nline.c", {}, "cannot be included in C source"),
        ("what??.c", {}, "cannot be included in C source"),
        ("net.c", {"name": "9net"}, "expected an identifier of C"),
        ("net.c", {"name": "while"}, "no keyword"),
        ("net.c", {"dtype": "int4"}, "Did you mean 'int8'"),
        ("net.c", {"test_rows": 0}, "test_rows"),
        ("net.c", {"calibration_data": [[0.0]]}, r"calibration_data is for dtype='int8'; dtype is 'float32'"),
        ("missing/net.c", {}, "no such folder"),
    ],
)
def test_arguments(path, options, message, tmp_path, no_compiler):
    model, _ = KINDS["regression"]("float32")
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=message):
        model.to_c(tmp_path / path, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("file", "name"), [("int", "model_int"), ("9net", "model_9net"), ("Ü", "model")])
def test_files_whose_name_is_no_identifier(file, name, tmp_path, no_compiler):
    model, _ = KINDS["regression"]("float32")
    model.to_c(tmp_path / f"{file}.c")
    assert f"int {name}_predict(" in (tmp_path / f"{file}.h").read_text()


@pytest.mark.parametrize("text", ["\0x", "a\0b", b"a\0b"])
def test_texts_that_end_within(text, tmp_path, no_compiler):
    """C would confuse the category "\\0x" with ""."""
    other = b"c" if isinstance(text, bytes) else ""
    net = cnn.Network([cnn.Dense(2)]).fit([[0.0], [1.0]], [text, other], epochs=1)
    with pytest.raises(ValueError, match=r"has the label .* null character"):
        net.to_c(tmp_path / "net.c")
    if isinstance(text, str):
        rows = [{"name": each} for each in (text, other) * 5]
        net = cnn.Network([cnn.Dense(2)], categorical_features="auto").fit(rows, [0, 1] * 5, epochs=1)
        with pytest.raises(ValueError, match=r"Column 'name' has the category .* null character"):
            net.to_c(tmp_path / "net.c")
    assert not list(tmp_path.iterdir())


def test_categories_that_float_rounds(tmp_path, no_compiler):
    rows = {"id": [2**24 + 1, 2**24 + 3] * 20}
    net = cnn.Network([cnn.Dense(2)], categorical_features="auto", column_types={"id": "category"}, seed=0)
    net.fit(rows, [0, 1] * 20, epochs=1)
    with pytest.raises(ValueError, match=r"Column 'id' has the category 16777217, which float32 rounds"):
        net.to_c(tmp_path / "net.c")
    net.to_c(tmp_path / "net.c", dtype="float64")
    with pytest.raises(cnn.NotFittedError):
        cnn.Network([cnn.Dense(2)]).to_c(tmp_path / "new.c")


def test_a_difference_writes_nothing(tmp_path, no_compiler, monkeypatch):
    model, _ = KINDS["regression"]("float32")
    monkeypatch.setitem(verification.BOUNDS, "float32", 1e-12)
    with pytest.raises(ArithmeticError, match=r"predictions of the C code.*nothing was written"):
        model.to_c(tmp_path / "net.c")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="the compiler is a script of the shell")
def test_a_compiler_that_fails(tmp_path, monkeypatch):
    script = tmp_path / "cc"
    script.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "broken 1" && exit 0\necho "no memory" >&2\nexit 3\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    model, _ = KINDS["regression"]("float32")
    with pytest.raises(
        ArithmeticError, match=r"cannot be verified, so that nothing was written\. cc ended with 3: no memory"
    ):
        model.to_c(tmp_path / "net.c")
    assert not list(tmp_path.glob("net*"))
    monkeypatch.setenv("CC", "no-such-compiler-here")
    assert model.to_c(tmp_path / "net.c").against.startswith("an emulation")
