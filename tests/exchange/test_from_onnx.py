"""Import of ONNX: graphs of several exporters, with the same predictions, or a refusal that names the node."""

import io
import warnings

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.exchange import verification
from model_kinds import KINDS

onnx = pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("onnxruntime", reason="needs onnxruntime")
helper, numpy_helper = onnx.helper, onnx.numpy_helper
RNG = np.random.default_rng(2)
X = RNG.normal(size=(30, 4))


def weights(*shape, dtype="float32"):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(dtype)


def model_of(nodes, constants, *, dtype="float32", output="y", opset=17, inputs=None, ml=False):
    """Return a model with the input x (n, 4)."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    inputs = inputs or [helper.make_tensor_value_info("x", kind, ["n", 4])]
    graph = helper.make_graph(
        nodes,
        "test",
        inputs,
        [onnx.ValueInfoProto(name=output)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    domains = [helper.make_opsetid("", opset), *([helper.make_opsetid("ai.onnx.ml", 3)] if ml else [])]
    return helper.make_model(graph, opset_imports=domains, ir_version=8)


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs.split(), [output], name=f"{op}_{output}", **attributes)


def dense(i, source, result, k, n):
    """Return nodes and constants of a layer in the form of tf2onnx and of keras.export: MatMul, then Add."""
    constants = {f"W{i}": weights(k, n), f"b{i}": weights(n)}
    return [node("MatMul", f"{source} W{i}", f"u{i}"), node("Add", f"u{i} b{i}", result)], constants


def outputs(model, rows=X):
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    dtype = "float64" if "double" in given.type else "float32"
    return session.run(None, {given.name: rows.astype(dtype)})[0]


# ---- files of to_onnx

REFUSED_KINDS = {
    "ordinal": r"\(Gather\) begins a part",
    "quantile": r"\(TopK\) is not supported",
    "gaussian": r"the outputs \['values', 'deviations'\]",
    "smooth clip": r"\(Mul\) begins a part",
    "piecewise linear": r"\(Gather\) begins a part",
    "bins and clip": r"\(Clip\) begins a part",
}
PLAIN = [
    kind for kind in KINDS if not any(word in kind for word in ("table", "Tabular", "embeddings", "ensemble"))
]


@pytest.mark.parametrize("kind", PLAIN)
def test_there_and_back(kind, dtype, differences):
    model, rows = KINDS[kind](dtype)
    exported = model.to_onnx()
    if kind in REFUSED_KINDS:
        with pytest.raises(ValueError, match=REFUSED_KINDS[kind]):
            cnn.from_onnx(exported)
        return
    net = cnn.from_onnx(exported)
    difference = net.metadata["conversion"]["largest_difference"]
    differences("from ONNX", kind, dtype, difference)
    bound = verification.BOUNDS[dtype]
    assert difference <= bound
    flat = rows.reshape(len(rows), -1)
    if net._configuration.loss.classifies:
        np.testing.assert_allclose(net.predict_proba(flat), model.predict_proba(rows), rtol=0, atol=bound)
        assert (net.predict(flat) == model.predict(rows)).mean() > 0.99  # a tie can be broken by rounding
        assert net.classes_.tolist() == (model.classes_.tolist())
    else:
        expected = model.predict(rows)
        np.testing.assert_allclose(net.predict(flat), expected, rtol=0, atol=bound * abs(expected).max())


@pytest.mark.parametrize("kind", ["table", "ensemble", "TabularRegressor"])
def test_files_with_more_than_layers_are_refused(kind):
    with pytest.raises(
        ValueError, match=r"inputs, which are not joined|not of float32|begins a part|is not supported"
    ):
        cnn.from_onnx(KINDS[kind]("float32")[0].to_onnx())


def test_an_input_for_each_column():
    model, rows = KINDS["MLPClassifier"]("float32")
    net = cnn.from_onnx(model.to_onnx(inputs="columns"))
    assert net.feature_names_in_.tolist() == ["x0", "x1", "x2", "x3"]
    assert net.predict(rows).tolist() == model.predict(rows).tolist()


def test_places(tmp_path):
    exported = KINDS["softmax"]("float32")[0].to_onnx(tmp_path / "net.onnx")
    content = exported.SerializeToString()
    for place in (tmp_path / "net.onnx", str(tmp_path / "net.onnx"), content, io.BytesIO(content), exported):
        assert cnn.from_onnx(place).n_features_ == 4
    net = cnn.from_onnx(content)
    record = net.metadata["conversion"]
    assert record["from"] == "ONNX"
    assert record["against"].startswith("onnxruntime ")
    net.save(tmp_path / "net.safetensors")
    assert cnn.load(tmp_path / "net.safetensors").metadata == net.metadata


# ---- PyTorch


@pytest.mark.parametrize("opset", [12, 17])
@pytest.mark.parametrize(
    "name", ["silu", "mish", "gelu", "gelu_tanh", "hard_swish", "softplus", "elu", "clip"]
)
def test_torch(name, opset):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    nn = torch.nn
    activations = {
        **{"silu": nn.SiLU(), "mish": nn.Mish(), "gelu": nn.GELU(), "gelu_tanh": nn.GELU("tanh")},
        **{
            "hard_swish": nn.Hardswish(),
            "softplus": nn.Softplus(),
            "elu": nn.ELU(),
            "clip": nn.Hardtanh(-2, 5),
        },
    }
    torch.manual_seed(0)
    module = nn.Sequential(
        *(nn.Linear(4, 6), nn.LayerNorm(6), activations[name], nn.Dropout(0.5), nn.Linear(6, 5, bias=False)),
        *(nn.BatchNorm1d(5), activations[name], nn.Linear(5, 3), nn.Softmax(1)),
    ).eval()
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the exporter, which needs no onnxscript
        torch.onnx.export(
            module, torch.zeros(2, 4), content, dynamo=False, opset_version=opset, dynamic_axes={}
        )
    model = onnx.load_from_string(content.getvalue())
    for value in (*model.graph.input, *model.graph.output):
        if value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].dim_param = "n"
    net = cnn.from_onnx(model, classes=["a", "b", "c"])
    with torch.no_grad():
        expected = module(torch.tensor(X, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(net.predict_proba(X), expected, rtol=0, atol=1e-5)


# ---- scikit-learn, by skl2onnx

LABELS = {
    "text": np.array(["a", "b", "c"])[RNG.integers(0, 3, 30)],
    "two": np.array(["yes", "no"])[RNG.integers(0, 2, 30)],
    "int": RNG.integers(0, 2, 30) * 5,
    "indicator": RNG.integers(0, 2, (30, 3)),
    "values": X[:, 0],
    "two values": X[:, :2],
}


@pytest.mark.parametrize("target", LABELS)
@pytest.mark.parametrize("zipmap", [False, True])
def test_skl2onnx(target, zipmap):
    skl2onnx = pytest.importorskip("skl2onnx", reason="needs skl2onnx")
    neural_network = pytest.importorskip("sklearn.neural_network", reason="needs scikit-learn")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    y, values = LABELS[target], "values" in target
    owner = neural_network.MLPRegressor if values else neural_network.MLPClassifier
    network = owner(hidden_layer_sizes=(6, 5), max_iter=3, random_state=0, activation="tanh")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it has not converged
        pipeline = make_pipeline(StandardScaler(), network).fit(X, y)
    options = None if values else {id(network): {"zipmap": zipmap}}
    net = cnn.from_onnx(skl2onnx.to_onnx(pipeline, X[:1].astype(np.float32), options=options))
    if values:
        np.testing.assert_allclose(net.predict(X), pipeline.predict(X), rtol=0, atol=1e-5)
    else:
        assert np.array_equal(net.predict(X), pipeline.predict(X))
        np.testing.assert_allclose(net.predict_proba(X), pipeline.predict_proba(X), rtol=0, atol=1e-5)
    assert net._configuration.standardize is True


# ---- graphs made by hand, in the forms of other exporters


def sequence(*between, last=()):
    """Return a model of two dense layers, with nodes after each of them."""
    first, constants = dense(0, "x", "a", 4, 5)
    second, more = dense(1, "b" if between else "a", "c" if last else "y", 5, 3)
    return model_of([*first, *between, *second, *last], constants | more)


ACTIVATIONS = {
    "relu": [node("Relu", "a", "b")],
    "leaky_relu": [node("LeakyRelu", "a", "b")],
    "elu": [node("Elu", "a", "b")],
    "selu": [node("Selu", "a", "b")],
    "sigmoid": [node("Sigmoid", "a", "b")],
    "tanh": [node("Tanh", "a", "b")],
    "softplus": [node("Softplus", "a", "b")],
    "softsign": [node("Softsign", "a", "b")],
    "hard_sigmoid": [node("HardSigmoid", "a", "b", alpha=1 / 6, beta=0.5)],
    "exp": [node("Exp", "a", "b")],
    "silu": [node("Sigmoid", "a", "s"), node("Mul", "a s", "b")],
    "identity": [node("Identity", "a", "t"), node("Dropout", "t", "b")],
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    model = sequence(*ACTIVATIONS[name])
    net = cnn.from_onnx(model)
    assert [layer.activation for layer in net.layers] == [name if name != "identity" else "identity", None]
    expected = outputs(model)
    np.testing.assert_allclose(net.predict(X), expected, rtol=0, atol=1e-5 * abs(expected).max())


FORMS = {
    "hard sigmoid of keras 2": sequence(node("HardSigmoid", "a", "b", alpha=0.2, beta=0.5)),
    "softmax": sequence(node("Relu", "a", "b"), last=[node("Softmax", "c", "y", axis=-1)]),
    "log softmax": sequence(node("Relu", "a", "b"), last=[node("LogSoftmax", "c", "y", axis=1)]),
    "batch norm": model_of(
        [
            node("Gemm", "x W b", "u", transB=1, alpha=0.5, beta=2.0),
            node("BatchNormalization", "u g s m v", "n", epsilon=1e-3),
            node("Relu", "n", "a"),
            node("MatMul", "a V", "y"),
        ],
        {
            **{"W": weights(5, 4), "b": weights(5), "g": weights(5), "s": weights(5), "m": weights(5)},
            **{"v": abs(weights(5)) + 0.5, "V": weights(5, 2)},
        },
    ),
    "transposed constant": model_of(
        [node("Transpose", "W", "T", perm=[1, 0]), node("MatMul", "x T", "u"), node("Relu", "u", "y")],
        {"W": weights(5, 4)},
    ),
    "constants as nodes": model_of(
        [
            node("Constant", "", "W", value=numpy_helper.from_array(weights(4, 2))),
            node("Constant", "", "f", value_float=0.5),
            node("Mul", "x f", "z"),
            node("MatMul", "z W", "y"),
        ],
        {},
    ),
    "scaler": model_of(
        [
            helper.make_node(
                "Scaler",
                ["x"],
                ["z"],
                domain="ai.onnx.ml",
                offset=[1.0, 2.0, 3.0, 4.0],
                scale=[1.0, 0.5, 2.0, 3.0],
            ),
            node("MatMul", "z W", "y"),
        ],
        {"W": weights(4, 2)},
        ml=True,
    ),
    "operations in any order": model_of(
        [
            node("Sub", "c x", "t"),
            node("Div", "t d", "z"),
            node("Neg", "z", "n"),
            node("MatMul", "n W", "u"),
            node("Add", "b u", "v"),
            node("Sub", "v c2", "y"),
        ],
        {"c": weights(4), "d": abs(weights(1, 4)) + 1, "W": weights(4, 2), "b": weights(2), "c2": weights(1)},
    ),
    "reshaped": model_of(
        [node("Reshape", "x shape", "z"), node("MatMul", "z W", "u"), node("Squeeze", "u axes", "y")],
        {"shape": np.array([0, -1]), "W": weights(4, 1), "axes": np.array([1])},
    ),
    "layer norm of five nodes": model_of(
        [
            node("MatMul", "x W", "u"),
            node("ReduceMean", "u", "m", axes=[-1]),
            node("Sub", "u m", "d"),
            node("Pow", "d two", "q"),
            node("ReduceMean", "q", "w", axes=[-1]),
            node("Add", "w e", "f"),
            node("Sqrt", "f", "r"),
            node("Div", "d r", "n"),
            node("Mul", "n g", "a"),
            node("Add", "a s", "b"),
            node("MatMul", "b V", "y"),
        ],
        {
            **{"W": weights(4, 5), "two": np.float32(2), "e": np.float32(1e-3), "g": weights(5)},
            **{"s": weights(5), "V": weights(5, 2)},
        },
    ),
    "float64": model_of(
        [node("MatMul", "x W", "u"), node("Tanh", "u", "y")],
        {"W": weights(4, 2, dtype="float64")},
        dtype="float64",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form):
    model = FORMS[form]
    net = cnn.from_onnx(model)
    expected = outputs(model)
    expected = np.exp(expected) if form == "log softmax" else expected
    found = net.predict_proba(X) if "softmax" in form else net.predict(X)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert net._configuration.dtype == ("float64" if form == "float64" else "float32")


def test_images():
    shape = ["n", 2, 2]
    model = model_of(
        [node("Flatten", "x", "z"), node("MatMul", "z W", "y")],
        {"W": weights(4, 2)},
        inputs=[helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
    )
    net = cnn.from_onnx(model)
    np.testing.assert_allclose(net.predict(X), outputs(model, X.reshape(-1, 2, 2)), rtol=0, atol=1e-5)


FLOAT, INT32 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT32
CONSTANTS = {
    "half precision": ([node("Cast", "w", "W", to=FLOAT)], {"w": weights(4, 2).astype("f2")}),
    "whole numbers": (
        [node("Cast", "w", "i", to=INT32), node("Cast", "i", "W", to=FLOAT)],
        {"w": 3 * weights(4, 2)},
    ),
    "a division of whole numbers": (
        [node("Div", "w two", "i"), node("Cast", "i", "W", to=FLOAT)],
        {"w": np.arange(-4, 4).reshape(4, 2), "two": np.array(2)},
    ),
    "a function": ([node("Sigmoid", "w", "W")], {"w": weights(4, 2)}),
}


@pytest.mark.parametrize("case", CONSTANTS)
def test_constants_that_nodes_compute(case):
    nodes, constants = CONSTANTS[case]
    model = model_of([*nodes, node("MatMul", "x W", "y")], constants)
    np.testing.assert_allclose(cnn.from_onnx(model).predict(X), outputs(model), rtol=0, atol=1e-5)


def test_errors_in_constants_are_found(monkeypatch):
    """The other side computes them from the nodes of the file, not from our arrays."""
    from compiled_nn.exchange.from_onnx import numpy_nodes

    monkeypatch.setitem(numpy_nodes.ELEMENTWISE, "Sqrt", lambda node, x: np.sqrt(x) + 0.01)
    model = model_of([node("Sqrt", "w", "W"), node("MatMul", "x W", "y")], {"w": abs(weights(4, 2))})
    with pytest.raises(ArithmeticError, match="differ by"):
        cnn.from_onnx(model)


# ---- refusals


def external(location):
    model = sequence()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return model


REFUSED = {
    "convolution": (sequence(node("Conv", "a W0", "b")), r"Node 'Conv_b' \(Conv\) is not supported"),
    "a loop of rows": (sequence(node("CumSum", "a b0", "b")), r"\(CumSum\) is not supported"),
    "slope": (sequence(node("LeakyRelu", "a", "b", alpha=0.3)), r"a leaky relu with the slope 0\.3"),
    "alpha": (sequence(node("Elu", "a", "b", alpha=0.3)), r"\(Elu\) is not supported"),
    "softmax within": (sequence(node("Softmax", "a", "b")), "follows a softmax"),
    "softmax over rows": (sequence(last=[node("Softmax", "c", "y", axis=0)]), "axis=0"),
    "a conversion": (
        sequence(node("Cast", "a", "b", to=onnx.TensorProto.INT32)),
        r"Node 'Cast_b' \(Cast\) converts to another type",
    ),
    "dropout of training": (
        model_of(
            [node("MatMul", "x W", "u"), node("Dropout", "u r t", "y")],
            {"W": weights(4, 2), "r": np.float32(0.5), "t": np.array(True)},
        ),
        r"\(Dropout\) is in the mode of training",
    ),
    "a sum with a constant": (
        model_of(
            [node("MatMul", "x W", "u"), node("Sum", "u b", "y")], {"W": weights(4, 2), "b": weights(2)}
        ),
        r"\(Sum\) is not supported",
    ),
    "product of tensors": (
        model_of([node("Transpose", "x", "t"), node("MatMul", "x t", "y")], {}),
        "begins a part that is not known",
    ),
    "rows as the second factor": (
        model_of([node("MatMul", "W x", "y")], {"W": weights(4, 4)}),
        "multiplies a constant by the rows",
    ),
    "division by 0": (
        model_of(
            [node("Div", "x d", "z"), node("MatMul", "z W", "y")],
            {"d": np.zeros(4, "f4"), "W": weights(4, 1)},
        ),
        "divides by 0",
    ),
    "training": (
        model_of(
            [
                node("MatMul", "x W", "u"),
                node("BatchNormalization", "u g g g g", "y", training_mode=1),
            ],
            {"W": weights(4, 2), "g": np.ones(2, "f4")},
            opset=15,
        ),
        "in the mode of training",
    ),
    "sizes": (
        model_of(
            [node("MatMul", "x W", "u"), node("Add", "u b", "y")], {"W": weights(4, 2), "b": weights(3)}
        ),
        "has 3 shifts; there are 2 units",
    ),
    "NaN": (
        model_of([node("MatMul", "x W", "y")], {"W": np.full((4, 2), np.nan, "f4")}),
        "contain NaN",
    ),
    "no weights": (model_of([node("Identity", "x", "y")], {}), "no product with weights"),
    "two inputs": (
        model_of(
            [node("Add", "x z", "t"), node("MatMul", "t W", "y")],
            {"W": weights(4, 2)},
            inputs=[helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["n", 4]) for n in "xz"],
        ),
        "2 inputs, which are not joined",
    ),
    "text": (
        model_of(
            [node("Identity", "x", "y")],
            {},
            inputs=[helper.make_tensor_value_info("x", onnx.TensorProto.STRING, ["n", 4])],
        ),
        "not of float32 or float64",
    ),
    "another domain": (
        model_of([helper.make_node("Relu", ["x"], ["y"], name="r", domain="com.microsoft")], {}),
        "of the domain 'com.microsoft'",
    ),
    "unknown tensor": (model_of([node("Relu", "nothing", "y")], {}), "uses 'nothing'"),
    "weights in another file": (external("weights.bin"), "is in another file.*onnx.load"),
    "weights elsewhere": (external("../../etc/passwd"), "is in another file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    model, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        cnn.from_onnx(model.SerializeToString())


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", ValueError, "has no nodes"),
        (b"not a model at all", ValueError, "is not a model of ONNX"),
        (b"PK\x03\x04" + bytes(50), ValueError, "is not a model of ONNX"),
        (3, TypeError, "Got int instead"),
    ],
)
def test_other_content(content, error, message):
    with pytest.raises(error, match=message):
        cnn.from_onnx(content)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        cnn.from_onnx(tmp_path / "no.onnx")


def test_classes_and_loss():
    model = sequence(node("Relu", "a", "b"))
    net = cnn.from_onnx(model, classes=["c", "a", "b"])
    assert net.classes_.tolist() == ["a", "b", "c"]
    assert net.predict(X).tolist() == np.array(["c", "a", "b"])[outputs(model).argmax(axis=1)].tolist()
    assert cnn.from_onnx(model, loss="softmax_cross_entropy").classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("n_bytes", [2, 3])
def test_damaged_files(n_bytes):
    """Each change of some bytes gives a network, or an error that a caller can catch."""
    content = FORMS["batch norm"].SerializeToString()
    random = np.random.default_rng(n_bytes)
    for _ in range(60):
        damaged = bytearray(content)
        for place in random.integers(0, len(content), n_bytes):
            damaged[place] = random.integers(0, 256)
        try:
            cnn.from_onnx(bytes(damaged))
        except (ValueError, ArithmeticError):
            continue


def test_constants_that_grow_are_not_computed():
    doubled = [node("Concat", f"c{i} c{i}", f"c{i + 1}", axis=0) for i in range(40)]
    model = model_of(
        [*doubled, node("Add", "x c40", "z"), node("MatMul", "z W", "y")],
        {"c0": weights(4), "W": weights(4, 1)},
    )
    with pytest.raises(ValueError, match="Add_z"):
        cnn.from_onnx(model)


def test_long_chains_of_constants_are_refused():
    sums = [node("Add", f"c{i} c{i}", f"c{i + 1}") for i in range(80)]
    model = model_of([*sums, node("MatMul", "x c80", "y")], {"c0": np.zeros((4, 1 << 14), "f4")})
    with pytest.raises(ValueError, match="many that compute constants"):
        cnn.from_onnx(model)


def test_identity_layers_are_limited():
    nodes = [node("MatMul", "x W", "a0"), *(node("Tanh", f"a{i}", f"a{i + 1}") for i in range(30))]
    model = model_of(nodes, {"W": weights(4, 1024)}, output="a30")
    with pytest.raises(ValueError, match="would be larger than the network"):
        cnn.from_onnx(model)
