"""Exports of narrow precisions: int8 as ONNX and C, bfloat16 with weights in float32, and what is refused."""

import json

import compiled_nn as cnn
import numpy as np
import pytest

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 6)).astype(np.float32)
LABELS = (X @ rng.normal(size=(6, 3)) + rng.normal(size=(300, 3))).argmax(axis=1)
TABLE = {
    "size": np.where(rng.uniform(size=300) < 0.1, np.nan, rng.normal(1000, 1, 300)),
    "kind": rng.choice(["a", "b", "c"], 300),
    "age": rng.normal(0, 3, 300),
}
PRICE = TABLE["age"] + 4 * (TABLE["kind"] == "a")
OPTIONS = {
    "plain": {},
    "standardize": {"standardize": True},
    "clip and bins": {"standardize": "robust_smooth_clip", "numeric_embeddings": "piecewise_linear"},
    "scaled": {"scale_targets": True, "standardize": True},
    "embeddings": {"standardize": True, "embeddings": 2, "scale_targets": True},
}
LAYERS = {
    "plain": [cnn.Dense(16, "tanh"), cnn.Dense(1)],
    "norms": [
        cnn.Dense(16, "relu", norm="layer"),
        cnn.Dense(16, "gelu", norm="rms", residual=True),
        cnn.Dense(1),
    ],
}


def classifier(**parameters):
    layers = [cnn.Dense(24, "relu"), cnn.Dense(3)]
    return cnn.Network(layers, optimizer=cnn.Adam(0.01), seed=0, **parameters).fit(X, LABELS, epochs=10)


def regressor(layers="plain", options="plain", **parameters):
    net = cnn.Network(
        LAYERS[layers], loss="mse", categorical_features="auto", seed=0, **OPTIONS[options], **parameters
    )
    return net.fit(TABLE, PRICE, epochs=20)


# ---- ONNX


@pytest.fixture
def runtime():
    pytest.importorskip("onnx", reason="models are exported with onnx")
    return pytest.importorskip("onnxruntime", reason="exported models are verified by onnxruntime")


def outputs(runtime, model, feed):
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feed)


def verification(model):
    return json.loads({each.key: each.value for each in model.metadata_props}["verification"])


def test_onnx_computes_the_same_whole_numbers(runtime, tmp_path):
    net = classifier()
    small = net.quantize(X)
    model = small.to_onnx(tmp_path / "small.onnx")
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("QuantizeLinear") == 2
    assert kinds.count("DequantizeLinear") == 4
    weights = [each for each in model.graph.initializer if each.data_type == 3]  # INT8
    assert [list(each.dims) for each in weights if len(each.dims) == 2] == [[6, 24], [24, 3]]
    labels, probabilities = outputs(runtime, model, {"X": X})
    assert (labels == small.predict(X)).mean() > 0.99
    # An input at the border of two whole numbers can be rounded to the other one.
    differences = np.abs(probabilities - small.predict_proba(X))
    assert differences.max() < 0.02
    assert np.median(differences) < 1e-6 < np.abs(probabilities - net.predict_proba(X)).max()
    assert verification(model)["bound"] == 0.01


@pytest.mark.filterwarnings("ignore:int8 changes values")  # a column near 1000 hides the others from a norm
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("layers", LAYERS)
def test_tables_in_onnx(runtime, layers, options):
    small = regressor(layers, options).quantize(TABLE)
    assert verification(small.to_onnx())["largest_difference"] < 0.01


@pytest.mark.parametrize("n", [1, 2])
def test_two_classes_in_onnx(runtime, n):
    layers, loss = (
        [cnn.Dense(8, "relu"), cnn.Dense(n)],
        "binary_cross_entropy" if n == 1 else "softmax_cross_entropy",
    )
    net = cnn.Network(layers, loss=loss, standardize=True, seed=0).fit(X, LABELS > 0, epochs=5)
    small = net.calibrate(X, LABELS > 0).quantize(X)
    labels, probabilities = outputs(runtime, small.to_onnx(), {"X": X})
    assert (labels == small.predict(X)).mean() > 0.99
    assert np.median(np.abs(probabilities - small.predict_proba(X))) < 1e-6


def test_ensembles_and_estimators_in_onnx(runtime):
    net = cnn.Network([cnn.Dense(8, "relu"), cnn.Dense(3)], seed=0)
    ensemble = cnn.Ensemble(net, n_members=2).fit(X, LABELS, epochs=3)
    assert verification(ensemble.quantize(X).to_onnx())["largest_difference"] < 0.01
    many = {
        "name": [f"name {i % 150}" for i in range(300)],
        "size": X[:, 0],
    }  # a column that is looked up in float
    model = cnn.MLPRegressor(categorical_features="auto", max_iter=5, random_state=0).fit(many, X[:, 1])
    assert verification(model.quantize(many).to_onnx())["largest_difference"] < 0.01


def test_onnx_in_float64_is_refused(runtime):
    with pytest.raises(ValueError, match=r"predicts with int8 is exported in float32; dtype is 'float64'"):
        classifier().quantize(X).to_onnx(dtype="float64")


def test_bfloat16_exports_weights_of_float32(runtime, tmp_path):
    net = classifier(precision="bfloat16")
    model = net.to_onnx()
    assert verification(model)["largest_difference"] < 1e-5
    _, probabilities = outputs(runtime, model, {"X": X})
    assert 1e-5 < np.abs(probabilities - net.predict_proba(X)).max() < 0.02
    assert net.to_json(tmp_path / "net.json").largest_difference < 1e-5
    assert net.to_c(tmp_path / "net.c").largest_difference < 1e-5


def test_onnx_has_all_the_digits_of_bfloat16_networks(runtime):
    net = classifier(precision="bfloat16")
    exact = cnn.Network.from_dict(net.to_dict(), net.to_shape(), loss="softmax_cross_entropy")
    _, probabilities = outputs(runtime, net.to_onnx(), {"X": X})
    assert np.abs(probabilities - exact.predict_proba(X)).max() < 1e-5


# ---- C


@pytest.mark.parametrize("options", OPTIONS)
def test_c_has_the_ranges_of_quantize(options, tmp_path):
    small = regressor("plain", options).quantize(TABLE)
    result = small.to_c(tmp_path / "small.c")
    assert result.largest_difference < 0.1
    text = (tmp_path / "small.h").read_text()
    assert "weights of int8" in text
    assert "from the model in int8 on 64 probe rows" in text


def test_c_of_images_and_ensembles(tmp_path):
    digits = cnn.datasets.load_digits()
    net = cnn.Network([cnn.Dense(16, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
    net.fit(digits.X_train, digits.y_train, epochs=5)
    assert net.quantize(digits.X_train).to_c(tmp_path / "small.c").largest_difference < 0.1
    ensemble = cnn.Ensemble(cnn.Network([cnn.Dense(8, "relu"), cnn.Dense(3)], seed=0), n_members=2)
    assert ensemble.fit(X, LABELS, epochs=3).quantize(X).to_c(tmp_path / "e.c").largest_difference < 0.1


def test_calibration_data_are_rows_of_quantize(tmp_path):
    net, numbers = classifier(), []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "net.c"
        if folder == "one":
            net.to_c(path, dtype="int8", calibration_data=X)
        else:
            net.quantize(X).to_c(path)
        text = path.read_text()
        numbers.append(text[: text.index("#ifdef NET_SELF_TEST")])
    assert "signed char" in numbers[0]
    assert numbers[0] == numbers[1]


def test_what_c_refuses(tmp_path):
    small = classifier().quantize(X)
    with pytest.raises(ValueError, match=r"dtype is 'float32', but this model predicts with int8"):
        small.to_c(tmp_path / "small.c", dtype="float32")
    with pytest.raises(ValueError, match="calibration_data has no effect for a quantised model"):
        small.to_c(tmp_path / "small.c", calibration_data=X)


# ---- others


@pytest.mark.parametrize("method", ["to_json", "to_torch", "to_keras", "to_sklearn"])
@pytest.mark.parametrize("make", [classifier, lambda: cnn.MLPClassifier(max_iter=2).fit(X, LABELS)])
def test_other_formats_refuse_int8(method, make, tmp_path):
    small = make().quantize(X)
    arguments = [tmp_path / "small.json"] if method == "to_json" else []
    with pytest.raises(
        ValueError, match=f"{method} uses the weights in float32, .* Use {method} of the model"
    ):
        getattr(small, method)(*arguments)


def test_modules_of_torch():
    torch = pytest.importorskip("torch", reason="conversions to PyTorch need it")
    net = classifier(precision="bfloat16")
    with torch.no_grad():
        found = net.to_torch()(torch.from_numpy(X)).numpy()
    assert 1e-5 < np.abs(found - net.predict_proba(X)).max() < 0.02
    from compiled_nn.torch import Module

    module = Module(net)
    out = module(torch.from_numpy(X))
    assert np.abs(out.detach().numpy() - net.forward(X)[0]).max() < 1e-6
    out.sum().backward()
    with pytest.raises(RuntimeError, match="only predicts, so sharing its weights is refused"):
        Module(net.quantize(X))


def test_the_hub_names_the_precision(tmp_path):
    for name, model in {
        "int8": classifier().quantize(X),
        "bfloat16": classifier(precision="bfloat16"),
    }.items():
        model.save_pretrained(tmp_path / name)
        assert json.loads((tmp_path / name / "config.json").read_text())["precision"] == name
        assert f"- precision of the products: {name}" in (tmp_path / name / "README.md").read_text()
        loaded = cnn.load(tmp_path / name / "model.safetensors")
        assert (loaded.predict_proba(X) == model.predict_proba(X)).all()
    classifier().save_pretrained(tmp_path / "plain")
    assert "precision" not in json.loads((tmp_path / "plain" / "config.json").read_text())


def test_c_warns_of_calibration_rows_without_ranges(tmp_path):
    with pytest.warns(
        cnn.CompiledNNWarning, match="Every column of numbers has one value in 1 calibration row"
    ):
        classifier().to_c(tmp_path / "small.c", dtype="int8", calibration_data=X[:1])
