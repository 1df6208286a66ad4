"""Export to ONNX: onnxruntime predicts what the model predicts, whatever the model is, and whatever is fed to it."""

import io
import json
import os
import pathlib

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.exchange import verification
from model_kinds import KINDS, TABLE

onnx = pytest.importorskip("onnx", reason="models are exported with onnx")
runtime = pytest.importorskip("onnxruntime", reason="exported models are verified by onnxruntime")
BOUNDS = verification.BOUNDS
_NAT = np.iinfo(np.int64).min


def session(model):
    """Return onnxruntime's session of a ModelProto, of bytes or of a path."""
    content = model.SerializeToString() if hasattr(model, "SerializeToString") else model
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def properties(model):
    return {each.key: each.value for each in model.metadata_props}


def run(model, feed):
    """Return the outputs by name."""
    made = session(model)
    names = [each.name for each in made.get_outputs()]
    return dict(zip(names, made.run(names, feed), strict=True))


def fed(table, model, dtype="float32"):
    """Return columns of a table, as lists, as the inputs of a model: what docs/guide/onnx.md describes."""
    result = {}
    for each in json.loads(properties(model)["inputs"]):
        values = table[each["columns"][0]]
        if each["dtype"] == "str":
            column = np.array([each["missing"] if value is None else value for value in values], object)
        elif each["kind"] == "date":
            column = np.array(values, "datetime64[us]").astype("int64")
        else:
            column = np.array([np.nan if value is None else value for value in values], each["dtype"])
        result[each["name"]] = column[:, np.newaxis]
    return result


def difference(ours, theirs):
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    assert ours.shape == theirs.shape
    return abs(ours - theirs).max() / abs(ours).max()


# ---- all kinds of models


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(kind, dtype, differences):
    """The rows of training are no probe rows; those of tables have missing values, categories and dates."""
    model, X = KINDS[kind](dtype)
    proto = model.to_onnx()
    known = properties(proto)
    result = json.loads(known["verification"])
    assert result["largest_difference"] <= result["bound"] == BOUNDS[dtype]
    assert result["rows"] >= 64
    assert result["against"] == f"onnxruntime {runtime.__version__}"
    assert (known["dtype"], known["compiled_nn_version"]) == (dtype, cnn.__version__)
    given = json.loads(known["inputs"])
    if given[0]["name"] == "X" and isinstance(X, np.ndarray):
        feed = {"X": X.astype(dtype)}
    elif isinstance(X, dict):
        feed = fed(X, proto)
    else:
        feed = fed({f"x{i}": X[:, i].tolist() for i in range(X.shape[1])}, proto)
    theirs = run(proto, feed)
    if "label" in theirs:
        p = model.predict_proba(X)
        worst = difference(p, theirs["probabilities"])
        decided = (
            abs(np.sort(p, axis=1)[:, -2:] @ [-1, 1]) > 1e-4 if p.shape[1] > 1 else np.ones(len(p), bool)
        )
        ours = model.predict(X)
        decided = decided if ours.ndim == 1 else (abs(p - 0.5) > 1e-4).all(axis=1)
        assert decided.any()
        assert np.array_equal(theirs["label"][decided], ours[decided])
    else:
        ours = model.predict(X)
        worst = difference(ours.reshape(len(ours), -1), theirs["values"])
        if "deviations" in theirs:
            deviations = model.predict_distribution(X)[1]
            assert difference(deviations, theirs["deviations"][:, 0]) <= BOUNDS[dtype]
    assert worst <= BOUNDS[dtype]
    differences("onnx", kind, dtype, max(worst, result["largest_difference"]))


@pytest.mark.parametrize(
    "kind", ["scaled targets", "table", "ensemble, calibrated", "layer norm", "activation gelu"]
)
def test_float64_models_in_float32(kind, differences):
    model, _ = KINDS[kind]("float64")
    proto = model.to_onnx(dtype="float32")
    result = json.loads(properties(proto)["verification"])
    assert result["largest_difference"] <= result["bound"] == BOUNDS["float32"]
    assert {each.type.tensor_type.elem_type for each in proto.graph.output} <= {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.STRING,
        onnx.TensorProto.INT64,
    }


@pytest.mark.parametrize(
    "kind", ["activation elu", "rms norm", "quantile", "ordinal", "table", "ensemble, gaussian"]
)
@pytest.mark.parametrize("opset", [18, 20, 22])
def test_operators_of_later_versions(kind, opset):
    proto = KINDS[kind]("float32")[0].to_onnx(opset=opset)
    assert {each.domain: each.version for each in proto.opset_import}[""] == opset


def test_the_version_is_fixed():
    proto = KINDS["table"]("float32")[0].to_onnx()
    assert {each.domain: each.version for each in proto.opset_import} == {"": 17, "ai.onnx.ml": 3}
    assert (proto.ir_version, proto.producer_name, proto.producer_version) == (
        8,
        "compiled-nn",
        cnn.__version__,
    )


def test_the_graph_of_a_small_network_is_what_a_person_would_write():
    model, _ = KINDS["softmax"]("float32")
    nodes = [(node.op_type, node.name) for node in model.to_onnx().graph.node]
    assert nodes == [
        ("Gemm", "layer_0/Gemm"),
        ("Relu", "layer_0/Relu"),
        ("Gemm", "layer_1/Gemm"),
        ("Tanh", "layer_1/Tanh"),
        ("Gemm", "layer_2/Gemm"),
        ("Softmax", "output/Softmax"),
        ("ArgMax", "label/ArgMax"),
        ("Gather", "label"),
    ]
    model, _ = KINDS["MLPRegressor"]("float32")
    assert [node.op_type for node in model.to_onnx().graph.node] == ["Gemm", "Relu", "Gemm"]


# ---- inputs


def test_a_table_of_numbers_is_columns_or_one_tensor():
    X = {"a b": [1.0, None, 3.0, 4.0] * 4, "code": [1, 2, 3, 3] * 4, "id": list(range(16))}
    parameters = {"categorical_features": ["code"], "column_types": {"id": "ignore"}, "standardize": True}
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(2)], seed=0, **parameters).fit(X, [0, 1] * 8, epochs=3)
    columns, tensor = net.to_onnx(), net.to_onnx(inputs="tensor")
    assert [each.name for each in columns.graph.input] == ["a b", "code"]
    assert [each.name for each in tensor.graph.input] == ["X"]
    rows = [[5.0, 2, 0], [np.nan, 3, 0], [1.0, np.nan, 0], [1.0, 17, 0]]
    ours = net.predict_proba({"a b": [5.0, None, 1.0, 1.0], "code": [2, 3, None, 17]})
    X = np.float32(rows)
    assert difference(ours, run(tensor, {"X": X})["probabilities"]) < 1e-6
    one_by_one = {"a b": X[:, :1], "code": X[:, 1:2]}
    assert difference(ours, run(columns, one_by_one)["probabilities"]) < 1e-6


def test_numbers_without_an_encoder_may_be_columns():
    model, X = KINDS["softmax"]("float32")
    proto = model.to_onnx(inputs="columns")
    feed = {f"x{i}": X[:, i : i + 1] for i in range(4)}
    assert difference(model.predict_proba(X), run(proto, feed)["probabilities"]) < 1e-6


@pytest.mark.parametrize(
    ("kind", "form", "message"),
    [
        ("table", "tensor", "column 'city' has text. Export one input for each column"),
        ("images", "columns", "takes images, which are a single tensor"),
    ],
)
def test_forms_that_cannot_be(kind, form, message):
    with pytest.raises(ValueError, match=message):
        KINDS[kind]("float32")[0].to_onnx(inputs=form)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"inputs": "tensors"}, ValueError, "Did you mean 'tensor'"),
        ({"dtype": "float16"}, ValueError, "'dtype' parameter of to_onnx"),
        ({"tolerance": 0}, ValueError, "'tolerance' parameter of to_onnx"),
        ({"tolerance": "1e-3"}, TypeError, "'tolerance' parameter of to_onnx"),
        ({"opset": 16}, ValueError, "must be from 17 to 22. Got 16"),
        ({"opset": "17"}, TypeError, "'opset' parameter of to_onnx"),
    ],
)
def test_wrong_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        KINDS["softmax"]("float32")[0].to_onnx(**parameters)


def table_model(table, y, dtype="float32", **parameters):
    options = {"categorical_features": "auto", "standardize": True, "seed": 0, "dtype": dtype} | parameters
    return cnn.Network([cnn.Dense(5, "tanh"), cnn.Dense(len(set(y)))], **options).fit(table, y, epochs=3)


def test_unknown_missing_and_empty_text():
    """An unknown text is a rare one where the column has some; "" is missing unless it is a category."""
    table = {
        "rare": ["a", "b", "c"] * 13 + ["d"],
        "all": ["a", "b"] * 20,
        "empty": ["", "b", "é\U0001f600"] * 13 + ["b"],
    }
    net = table_model(table, [0, 1] * 20, min_frequency=3)
    rows = [["d", "a", ""], ["z", "z", "z"], [None, None, None], ["", "", "é\U0001f600"], ["\0", "a\0", "b "]]
    given = dict(zip(table, map(list, zip(*rows, strict=True)), strict=True))
    proto = net.to_onnx()
    assert [each["missing"] for each in json.loads(properties(proto)["inputs"])] == ["", "", "<missing>"]
    theirs = run(proto, fed(given, proto))["probabilities"]
    for name in ("rare", "all"):  # what "" stands for
        given[name] = [None if value == "" else value for value in given[name]]
    ours = net.predict_proba(given)
    assert difference(ours, theirs) < 1e-6
    assert len(np.unique(ours[:, 0].round(4))) >= 4  # the rows do differ


def test_categories_of_numbers(dtype):
    """Numbers that float32 rounds are float64, and whole numbers that float64 rounds are int64."""
    table = {
        "tenths": [0.1, 0.2, 0.3, 0.1] * 10,
        "huge": [(1 << 60) + i for i in (1, 2, 3, 4)] * 10,
        "flag": [True, False] * 20,
        "halves": [0.5, 1.5, -2.5, 1.5] * 9 + [0.5, 1.5, 1.5, 7.0],
    }
    types = dict.fromkeys(table, "category")
    net = table_model(table, [0, 1, 1, 0] * 10, dtype, column_types=types, min_frequency=2)
    proto = net.to_onnx()
    kinds = {each["name"]: each["dtype"] for each in json.loads(properties(proto)["inputs"])}
    assert kinds == {"tenths": "float64", "huge": "int64", "flag": dtype, "halves": dtype}
    rows = {
        "tenths": [0.1, 0.3, None, 0.4],
        "huge": [(1 << 60) + 2, (1 << 60) + 4, (1 << 60) + 5, 7],
        "flag": [True, False, None, True],
        "halves": [None, 1.5, 7.0, 99.0],
    }
    theirs = run(proto, fed(rows, proto))
    assert difference(net.predict_proba(rows), theirs["probabilities"]) < BOUNDS[dtype]
    with pytest.raises(
        ValueError, match=r"'huge' has dates, or whole numbers|'tenths' has numbers that float32"
    ):
        net.to_onnx(inputs="tensor")


DATES = ["2023-12-31T23:59:59.999999", "2024-02-29", "1900-02-28", "2000-02-29T12:34:56", "2100-03-01", "1600-02-29",
         "0001-01-01", "9999-12-31T23:00", "1969-12-31T23:59:59.5", "1970-01-01", "-0400-02-29", "NaT"]  # fmt: skip


def test_dates(dtype):
    """The calendar of the file is that of NumPy, to the microsecond, before and after all rules of leap years."""
    days = np.datetime64("2020-01-01T05", "us") + np.arange(80) * np.timedelta64(400 * 3600, "s")
    days = [*days.tolist()[:-1], None]
    net = table_model({"on": days}, [0, 1] * 40, dtype)
    assert net.encoder_.columns_[0].parts == ("days", "year", "month", "day", "weekday", "hour")
    proto = net.to_onnx()
    rows = np.array(DATES, "datetime64[us]")
    feed = {"on": rows.astype("int64")[:, np.newaxis]}
    assert feed["on"][-1, 0] == _NAT
    theirs = run(proto, feed)["probabilities"]
    assert difference(net.predict_proba({"on": rows}), theirs) < BOUNDS[dtype]


# ---- names


NAMES = ["a b", "", "a_b", "label", "probabilities", "X", "layer_0/weight", "encoded",
         "é\U0001f600", "a\nb", "x1", "'", "%s"]  # fmt: skip


def test_odd_names_of_columns():
    rng = np.random.default_rng(0)
    table = {name: rng.normal(size=40) for name in NAMES}
    net = table_model(table, [0, 1] * 20)
    proto = net.to_onnx()
    given = {each["columns"][0]: each["name"] for each in json.loads(properties(proto)["inputs"])}
    assert list(given) == NAMES
    names = [each.name for each in proto.graph.input]
    assert list(given.values()) == names
    assert len({*names, *(each.name for each in proto.graph.output)}) == len(NAMES) + 2
    assert all(given[name] == name for name in NAMES if name not in ("", "label", "probabilities"))
    feed = {given[name]: np.float32(values)[:, np.newaxis] for name, values in table.items()}
    assert difference(net.predict_proba(table), run(proto, feed)["probabilities"]) < 1e-5


def test_labels_of_columns_that_are_no_text():
    pandas = pytest.importorskip("pandas", reason="labels that are no text are those of pandas")
    X = pandas.DataFrame(
        [[0.0, 1.0], [1.0, 2.0]] * 5, columns=pandas.MultiIndex.from_tuples([("a", 1), ("b", 7)])
    )
    net = cnn.Network([cnn.Dense(2)], seed=0).fit(X, [0, 1] * 5, epochs=2)
    proto = net.to_onnx(inputs="columns")
    assert [each.name for each in proto.graph.input] == ["('a', 1)", "('b', 7)"]


CLASSES = {
    "text": (np.array(["", "a b", "é\U0001f600"]), str),
    "int8": (np.array([-3, 0, 5], np.int8), np.int64),
    "uint64": (np.array([0, 5, (1 << 63) + 5], np.uint64), np.uint64),
    "bool": (np.array([False, True]), np.bool_),
    "float32": (np.array([-0.5, 0.1, 7], np.float32), np.float64),
    "bytes": (np.array([b"no", b"yes"]), str),
}


@pytest.mark.parametrize(("classes", "kind"), CLASSES.values(), ids=CLASSES)
def test_labels(classes, kind):
    X = np.repeat(np.eye(3, dtype=np.float32)[: len(classes)], 20, axis=0)
    net = cnn.Network([cnn.Dense(len(classes))], optimizer=cnn.Adam(0.3), seed=0).fit(
        X, np.repeat(classes, 20), epochs=30
    )
    proto = net.to_onnx()
    theirs = run(proto, {"X": X})["label"]
    expected = net.predict(X)
    assert set(expected.tolist()) == set(classes.tolist())
    if expected.dtype.kind == "S":
        expected = np.char.decode(expected)
    assert np.array_equal(theirs, expected)
    assert theirs.dtype == (object if kind is str else kind)
    assert json.loads(properties(proto)["classes"]) == (np.char.decode(classes) if classes.dtype.kind == "S" else
                                                        classes.astype(kind)).tolist()  # fmt: skip


def test_labels_that_onnx_does_not_have():
    X = [[0.0], [1.0]]
    net = cnn.Network([cnn.Dense(2)]).fit(X, np.array([b"\xff", b"a"]), epochs=1)
    with pytest.raises(ValueError, match="is not text in UTF-8"):
        net.to_onnx()
    net = cnn.Network([cnn.Dense(2)]).fit(X, ["a", "\udc80"], epochs=1)
    with pytest.raises(ValueError, match="surrogates, which are not Unicode"):
        net.to_onnx()


def test_categories_that_onnx_does_not_have():
    rows = [{"name": text} for text in ("a", "\udc80") * 5]
    net = cnn.Network([cnn.Dense(2)], categorical_features="auto").fit(rows, [0, 1] * 5, epochs=1)
    with pytest.raises(ValueError, match=r"The category .* has surrogates"):
        net.to_onnx()


@pytest.mark.parametrize("kind", KINDS)
def test_every_constant_is_used(kind):
    graph = KINDS[kind]("float32")[0].to_onnx().graph
    used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    assert [each.name for each in graph.initializer if each.name not in used] == []


@pytest.mark.parametrize("kind", ["activation silu", "TabularClassifier"])
def test_silu_of_float64_is_not_what_old_versions_replace(kind):
    """onnxruntime 1.20 replaces z * Sigmoid(z) by QuickGelu, which it does not have in float64."""
    graph = KINDS[kind]("float64")[0].to_onnx().graph
    sigmoids = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Sigmoid"}
    products = [set(node.input) for node in graph.node if node.op_type == "Mul"]
    assert sigmoids
    assert not [pair for pair in sigmoids.items() if set(pair) in products]


# ---- extreme rows


def test_one_row_and_many_rows():
    model, X = KINDS["ensemble"]("float32")
    proto = session(model.to_onnx())
    many = np.tile(X, (200, 1))
    theirs = proto.run(["probabilities"], {"X": many})[0]
    assert difference(model.predict_proba(many), theirs) < 1e-5
    assert difference(theirs[:1], proto.run(["probabilities"], {"X": X[:1]})[0]) < 1e-5


@pytest.mark.parametrize("kind", ["smooth clip", "bins and clip", "sigmoid", "multi-label", "ordinal"])
def test_saturated_probabilities(kind, dtype):
    """Rows far out: probabilities are 0 or 1, and never NaN; small ones are exact except for the sigmoid of float32."""
    model, X = KINDS[kind](dtype)
    far = (X - X.mean(axis=0)) * np.geomspace(1, 1e8, len(X), dtype=dtype)[:, np.newaxis]
    theirs = run(model.to_onnx(), {"X": far.astype(dtype)})["probabilities"]
    ours = model.predict_proba(far.astype(dtype))
    assert difference(ours, theirs) < BOUNDS[dtype] * 10  # rows that are further out than all probe rows


def test_an_exponential_ends_where_that_of_the_model_does(dtype):
    """It is never infinite, so that the next layer does not compute the difference of two infinities."""
    net = cnn.Network([cnn.Dense(2, "exp"), cnn.Dense(1, "tanh")], loss="mse", dtype=dtype)
    net.set_weights([(np.full((1, 2), 1e3), np.zeros(2)), (np.array([[1.0], [-1.0]]), np.zeros(1))])
    X = np.array([[1e-3], [0.5], [30.0]], dtype)
    theirs = run(net.to_onnx(), {"X": X})["values"][:, 0]
    assert np.array_equal(net.predict(X), np.zeros(3))
    assert np.array_equal(theirs, np.zeros(3))


def test_probabilities_of_two_classes_keep_the_digits_of_small_ones(dtype):
    net = cnn.Network([cnn.Dense(1)], loss="binary_cross_entropy", dtype=dtype)
    net.set_weights([(np.ones((1, 1)), np.zeros(1))])
    z = np.linspace(-60, 60, 41, dtype=dtype)[:, np.newaxis]
    exact = 1 / (1 + np.exp(np.concatenate([z, -z], axis=1, dtype=np.float64)))
    assert abs(run(net.to_onnx(), {"X": z})["probabilities"] / exact - 1).max() < 100 * np.finfo(dtype).eps


def test_equal_probabilities_have_the_label_of_the_model():
    for outputs, loss in ((1, "binary_cross_entropy"), (3, "softmax_cross_entropy")):
        net = cnn.Network([cnn.Dense(outputs)], loss=loss)
        net.set_weights([(np.zeros((2, outputs)), np.zeros(outputs))])
        X = np.ones((3, 2), np.float32)
        assert np.array_equal(run(net.to_onnx(), {"X": X})["label"], net.predict(X))


def test_values_whose_mean_is_far_from_zero_are_float64():
    model, _ = KINDS["far targets"]("float32")
    (output,) = model.to_onnx().graph.output
    assert output.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE


# ---- where operators of float32 are not exact enough, and what is refused


def test_float64_inside_where_float32_is_not_exact_enough():
    """Sigmoids of onnxruntime in float32 are 0 to 1e-8: the outputs of this network are all smaller."""
    net = cnn.Network([cnn.Dense(2)], loss="binary_cross_entropy", dtype="float32")
    net.set_weights([(np.full((2, 2), 0.5), np.full(2, -30.0))])
    proto = net.to_onnx()
    assert "Cast" in {node.op_type for node in proto.graph.node}
    X = np.float32([[1, 2], [-1, 3]])
    assert difference(net.predict_proba(X), run(proto, {"X": X})["probabilities"]) < 1e-5


@pytest.mark.parametrize("exists", [False, True])
def test_a_difference_writes_nothing(tmp_path, monkeypatch, exists):
    monkeypatch.setitem(verification.BOUNDS, "float64", 0.0)
    path = tmp_path / "net.onnx"
    if exists:
        path.write_bytes(b"before")
    model, _ = KINDS["ensemble"]("float64")
    with pytest.raises(
        ArithmeticError, match=r"computed by onnxruntime .*, differ by .* nothing was written"
    ):
        model.to_onnx(path)
    assert os.listdir(tmp_path) == ["net.onnx"] * exists
    assert not exists or path.read_bytes() == b"before"


def test_the_bound_may_be_stated():
    model, _ = KINDS["ensemble"]("float64")
    with pytest.raises(ArithmeticError, match="at most 1e-17 is allowed"):
        model.to_onnx(tolerance=1e-17)
    assert json.loads(properties(model.to_onnx(tolerance=1e-3))["verification"])["bound"] == 1e-3


def test_errors_of_the_runtime_write_nothing(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise Exception("no kernel")

    monkeypatch.setattr(runtime, "InferenceSession", fail)
    with pytest.raises(ValueError, match=r"onnxruntime [\d.]+ cannot run the model of ONNX.*no kernel"):
        KINDS["softmax"]("float32")[0].to_onnx(tmp_path / "net.onnx")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("norm", [None, "layer"])
def test_columns_of_many_categories_are_looked_up(dtype, numbers, norm):
    """Each of them is in a probe row, and none of them is a column of the graph."""
    table = {"name": [f"c{i}" for i in range(300)] * 2 + ["rare"], "few": ["x", "y", "z"] * 200 + ["x"]}
    types = {"name": "category", "size": "number"} if numbers else {"name": "category"}
    if numbers:
        table["size"] = np.arange(601.0).tolist()
    else:
        del table["few"]
    net = cnn.Network([cnn.Dense(5, "tanh", norm=norm), cnn.Dense(2)], seed=0, dtype=dtype, min_frequency=2,
                      categorical_features="auto", column_types=types, embeddings=2, standardize=True)  # fmt: skip
    net.fit(table, [0, 1, 1] * 200 + [0], epochs=2)
    proto = net.to_onnx()
    assert json.loads(properties(proto)["verification"])["rows"] == 303
    operators = [node.op_type for node in proto.graph.node]
    assert (operators.count("LabelEncoder"), operators.count("Equal")) == (1 + numbers, numbers)
    rows = {
        "name": ["c7", "rare", "unknown", None],
        "few": ["x", "u", None, "z"],
        "size": [1.0, None, 3.0, 9e5],
    }
    rows = {name: rows[name] for name in table}
    assert difference(net.predict_proba(rows), run(proto, fed(rows, proto))["probabilities"]) < BOUNDS[dtype]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "table" in kind or "Tabular" in kind])
def test_all_text_looked_up(kind, dtype, monkeypatch):
    from compiled_nn.exchange.to_onnx import lookups

    monkeypatch.setattr(lookups, "_WIDEST", 1)
    model, _ = KINDS[kind](dtype)
    assert json.loads(properties(model.to_onnx())["verification"])["largest_difference"] <= BOUNDS[dtype]


def test_user_defined_activations_are_refused(tmp_path):
    net = cnn.Network([cnn.Dense(2, cnn.Activation(np.sin, np.cos)), cnn.Dense(1)], loss="mse")
    net.fit([[0.0], [1.0]], [0, 1], epochs=1)
    with pytest.raises(ValueError, match="layer 0 is user-defined"):
        net.to_onnx(tmp_path / "net.onnx")
    assert not os.listdir(tmp_path)


def test_models_above_two_gibibytes_are_refused(monkeypatch):
    from compiled_nn.exchange.to_onnx import export

    monkeypatch.setattr(export, "_LARGEST", 100)
    with pytest.raises(ValueError, match=r"The weights take .* bytes in float32; a file of ONNX"):
        KINDS["softmax"]("float32")[0].to_onnx()


def test_models_without_fit():
    with pytest.raises(cnn.NotFittedError):
        cnn.MLPClassifier().to_onnx()


def test_without_the_library(monkeypatch):
    import sys

    for name in [name for name in sys.modules if name.split(".")[0] == "onnxruntime"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        ImportError, match=r'export to ONNX needs onnxruntime; pip install "compiled-nn\[onnx\]"'
    ):
        KINDS["softmax"]("float32")[0].to_onnx()


# ---- files


def test_places(tmp_path):
    model, X = KINDS["table"]("float32")
    proto = model.to_onnx(str(tmp_path / "a.onnx"))
    model.to_onnx(tmp_path / "b.onnx")
    file = io.BytesIO()
    model.to_onnx(file)
    contents = [pathlib.Path(tmp_path, name).read_bytes() for name in ("a.onnx", "b.onnx")]
    assert contents[0] == contents[1] == file.getvalue() == proto.SerializeToString(deterministic=True)
    onnx.checker.check_model(str(tmp_path / "a.onnx"), full_check=True)
    theirs = session(str(tmp_path / "a.onnx")).run(["label"], fed(TABLE, proto))[0]
    assert (theirs == model.predict(X)).mean() > 0.99
    with pytest.raises(TypeError, match="Open it in binary mode"):
        model.to_onnx(io.StringIO())
    with pytest.raises(FileNotFoundError):
        model.to_onnx(tmp_path / "missing" / "a.onnx")


def test_loaded_models_export_the_same_file(tmp_path):
    model, _ = KINDS["ensemble of tables"]("float32")
    model.save(tmp_path / "model.safetensors")
    again = cnn.load(tmp_path / "model.safetensors")
    assert again.to_onnx() == model.to_onnx()


def test_the_fingerprint_is_in_the_file():
    for kind in ("table", "ensemble", "TabularClassifier", "MLPRegressor"):
        model, _ = KINDS[kind]("float32")
        assert properties(model.to_onnx())["fingerprint"] == model.fingerprint()
    loss = cnn.losses.CustomLoss(lambda y, z: (((z - y) ** 2).sum(axis=1), 2 * (z - y)))
    net = cnn.Network([cnn.Dense(1)], loss=loss).fit([[0.0], [1.0]], [0.0, 1.0], epochs=1)
    assert "fingerprint" not in properties(net.to_onnx())  # it cannot be saved


def test_the_model_is_unchanged():
    model, X = KINDS["TabularClassifier"]("float32")
    before = model.predict_proba(X)
    model.to_onnx()
    assert np.array_equal(model.predict_proba(X), before)
