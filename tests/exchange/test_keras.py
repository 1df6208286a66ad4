"""Models of Keras 3, both ways: the same predictions, or a refusal that names the layer."""

import os

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.exchange import verification
from model_kinds import KINDS

os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("torch", reason="needs PyTorch, the backend of Keras")
keras = pytest.importorskip("keras", reason="needs Keras")
layers = keras.layers
# Keras converts its variables to arrays in a form that NumPy 2 will no longer accept.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)
X = np.random.default_rng(1).normal(size=(40, 4)).astype("float32")


def drawn(model):
    """Return a model whose weights are all random; variances are above 0."""
    random = np.random.default_rng(3)
    for each in model.weights:
        numbers = random.normal(size=each.shape)
        each.assign(abs(numbers) + 0.5 if "variance" in each.path else numbers)
    return model


def chain(*stack):
    return lambda: drawn(keras.Sequential([keras.Input((4,)), *(make() for make in stack)]))


def dense(n, *given, **options):
    return lambda: layers.Dense(n, *given, **options)


def residual():
    start = keras.Input((4,))
    x = layers.Dense(5, "relu")(start)
    y = layers.Add()([x, layers.Dense(5, "tanh")(x)])
    return drawn(keras.Model(start, layers.Dense(2)(y)))


NAMES = {
    **{
        name: name
        for name in ("relu", "relu6", "sigmoid", "tanh", "elu", "selu", "gelu", "silu", "mish", "softplus")
    },
    **{name: name for name in ("softsign", "hard_sigmoid", "hard_tanh")},
    **{"hard_silu": "hard_swish", "exponential": "exp", "swish": "silu", "linear": "identity", "celu": "elu"},
}
MODELS = {
    "log_sigmoid": chain(dense(5, "log_sigmoid"), dense(2)),
    "softmax": chain(layers.Flatten, dense(5, "relu"), dense(3, "softmax")),
    "softmax layer": chain(dense(3), layers.Softmax),
    "sigmoid": chain(dense(5, use_bias=False), lambda: layers.Activation("tanh"), dense(1, "sigmoid")),
    "activations as layers": chain(
        *(
            dense(5),
            layers.ReLU,
            dense(5),
            lambda: layers.ReLU(6.0),
            dense(5),
            lambda: layers.LeakyReLU(0.01),
        ),
        *(dense(5), layers.ELU, dense(2)),
    ),
    "normalization": chain(
        lambda: layers.Normalization(mean=[1, 2, 3, 4], variance=[1, 4, 0.5, 2]), dense(5, "relu"), dense(2)
    ),
    "rescaling": chain(lambda: layers.Rescaling(1 / 255), dense(5, "relu"), dense(2)),
    "rescaling with offset": chain(lambda: layers.Rescaling(0.5, -1.0), dense(5, "relu"), dense(2)),
    "batch norm": chain(
        dense(5), layers.BatchNormalization, layers.ReLU, lambda: layers.Dropout(0.3), dense(2)
    ),
    "batch norm after the activation": chain(
        dense(5, "relu"), lambda: layers.BatchNormalization(center=False, scale=False), dense(2)
    ),
    "layer norm": chain(dense(5), lambda: layers.LayerNormalization(epsilon=0.01), layers.ReLU, dense(2)),
    "rms norm": chain(dense(5, use_bias=False), layers.RMSNormalization, layers.ReLU, dense(2)),
    "residual": residual,
    "nested": lambda: drawn(
        keras.Sequential([keras.Input((4,)), keras.Sequential([layers.Dense(5, "relu")]), layers.Dense(2)])
    ),
    **{f"activation {name}": chain(dense(5, name), dense(2)) for name in NAMES},
}


@pytest.mark.parametrize("case", MODELS)
def test_models(case, differences):
    model = MODELS[case]()
    net = cnn.from_keras(model)
    record = net.metadata["conversion"]
    assert record["against"] == f"Keras {keras.__version__} with torch"
    assert record["largest_difference"] <= 1e-5
    differences("from Keras", case, "float32", record["largest_difference"])
    expected = keras.ops.convert_to_numpy(model(X, training=False))
    found = net.predict(X).reshape(len(X), -1)
    if net._configuration.loss.classifies:
        found = net.predict_proba(X)
        expected = np.concatenate([1 - expected, expected], axis=1) if expected.shape[1] == 1 else expected
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * abs(expected).max())
    if case.startswith("activation "):
        assert net.layers[0].activation == NAMES[case.removeprefix("activation ")]


def test_structure_is_kept():
    net = cnn.from_keras(MODELS["batch norm"]())
    assert [(layer.units, layer.activation, layer.norm, layer.dropout) for layer in net.layers] == [
        (5, "relu", "batch", pytest.approx(0.3)),
        (2, None, None, 0.0),
    ]
    assert cnn.from_keras(MODELS["rescaling"]())._configuration.input_scale == pytest.approx(1 / 255)
    assert [layer.residual for layer in cnn.from_keras(residual()).layers] == [False, True, False]


def test_labels():
    model = MODELS["softmax"]()
    net = cnn.from_keras(model, classes=["z", "b", "m"])
    best = keras.ops.convert_to_numpy(model(X)).argmax(axis=1)
    assert net.predict(X).tolist() == np.array(["z", "b", "m"])[best].tolist()


def two_inputs():
    a, b = keras.Input((4,)), keras.Input((4,))
    return keras.Model([a, b], layers.Dense(1)(layers.Add()([a, b])))


def two_branches():
    start = keras.Input((4,))
    return keras.Model(start, layers.Add()([layers.Dense(2)(start), layers.Dense(2)(start)]))


def joined():
    start = keras.Input((4,))
    return keras.Model(start, layers.Concatenate()([start, layers.Dense(2)(start)]))


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.last = layers.Dense(2)

    def call(self, x):
        return self.last(x) + 1


def own():
    model = Own()
    model(X)
    return model


def squared(x):
    return x * x


REFUSED = {
    "another class": (lambda: layers.Dense(3), TypeError, "takes a model of Keras 3"),
    "not built": (lambda: keras.Sequential([layers.Dense(3)]), ValueError, "has no weights yet"),
    "convolution": (
        lambda: keras.Sequential([keras.Input((4, 1)), layers.Conv1D(2, 3)]),
        ValueError,
        r"\(Conv1D\) has no counterpart",
    ),
    "slope": (
        chain(dense(3), layers.LeakyReLU, dense(2)),
        ValueError,
        r"\(LeakyReLU\) is a leaky relu with the slope 0\.3",
    ),
    "slope of the function": (chain(dense(3, "leaky_relu")), ValueError, r"slope 0\.2"),
    "alpha": (chain(dense(3), lambda: layers.ELU(0.5), dense(2)), ValueError, r"alpha=0\.5"),
    "another dropout": (
        chain(dense(3), lambda: layers.GaussianDropout(0.5)),
        ValueError,
        "Replace it by Dropout",
    ),
    "function of the user": (chain(dense(3, squared)), ValueError, "'squared', a function of the user"),
    "another activation": (
        chain(dense(3, "tanh_shrink")),
        ValueError,
        "'tanh_shrink', which has no counterpart",
    ),
    "inverse": (
        chain(lambda: layers.Normalization(mean=0.0, variance=1.0, invert=True), dense(2)),
        ValueError,
        "invert=True",
    ),
    "softmax within": (chain(dense(3, "softmax"), dense(2)), ValueError, "follows a softmax"),
    "two inputs": (two_inputs, ValueError, "several inputs or outputs"),
    "two branches": (two_branches, ValueError, "adds two branches"),
    "joined": (joined, ValueError, r"\(Concatenate\) joins 2 tensors"),
    "class of the user": (own, ValueError, "is a class of the user"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    make, error, message = REFUSED[case]
    model = make()
    with pytest.raises(error, match=message):
        cnn.from_keras(model)


# ---- to Keras

TO_REFUSED = {
    "ordinal": "the loss 'ordinal'",
    "ensemble, ordinal": "the loss 'ordinal'",
    "ensemble, gaussian": "an ensemble with the loss 'gaussian_nll'",
    "ensemble, calibrated": "a calibrated ensemble",
    "activation gelu_tanh": "the activation 'gelu_tanh'",
    "activation sine": "the activation 'sine'",
    "periodic": "the activation 'sine'",
    "smooth clip": "the clip of the columns",
    "piecewise linear": "numeric_embeddings",
    "bins and clip": "the clip of the columns",
}


def takes_a_table(kind):
    return "table" in kind or kind == "embeddings" or kind.startswith("Tabular")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model(kind, dtype, differences):
    model, rows = KINDS[kind](dtype)
    message = "takes a table" if takes_a_table(kind) else TO_REFUSED.get(kind)
    if message is not None:
        with pytest.raises(ValueError, match=message):
            model.to_keras()
        return
    result = model.to_keras()
    difference = result.conversion["largest_difference"]
    differences("to Keras", kind, dtype, difference)
    assert difference <= result.conversion["bound"] == verification.BOUNDS["float32"]
    rows = rows.astype("float32")  # in which Keras computes
    found = keras.ops.convert_to_numpy(result(rows, training=False))
    if model._described_predictor()[0].classes is None:
        expected = model.predict(rows).reshape(len(rows), -1)
    else:
        expected = model.predict_proba(rows)
        expected = expected[:, 1:] if found.shape[1] == 1 else expected
    scale = abs(expected).max()
    np.testing.assert_allclose(found[:, : expected.shape[1]], expected, rtol=0, atol=2e-5 * scale)


@pytest.mark.parametrize("kind", ["softmax", "regression", "residual", "rms norm", "poisson"])
def test_there_and_back_through_a_file(kind, tmp_path):
    model, rows = KINDS[kind]("float32")
    model.to_keras().save(tmp_path / "model.keras")
    net = cnn.from_keras(keras.models.load_model(tmp_path / "model.keras"))
    probabilities = hasattr(net, "classes_") if net._configuration.loss.classifies else False
    found, expected = (
        (each.predict_proba(rows) if probabilities else each.predict(rows)) for each in (net, model)
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * abs(expected).max())


def test_encoded_tables():
    model, rows = KINDS["table"]("float32")
    result = model.to_keras(encoded=True)
    found = result(model.encoder_.transform(rows).toarray().astype("float32"), training=False)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(found), model.predict_proba(rows), rtol=0, atol=2e-5
    )


def test_logits():
    model, rows = KINDS["softmax"]("float32")
    found = keras.ops.convert_to_numpy(model.to_keras(logits=True)(rows))
    np.testing.assert_allclose(found, model.decision_function(rows), rtol=0, atol=1e-4)


def test_rows_of_float64_that_float32_rounds_away():
    """A deviation of 1 around 1e9 is less than the distance of two numbers of float32."""
    X = 1e9 + np.random.default_rng(0).normal(size=(60, 2))
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(2)], standardize=True, dtype="float64", seed=0)
    net.fit(X, X[:, 0] > 1e9, epochs=20)
    with pytest.raises(ArithmeticError, match="computes in float32 from rows of float64"):
        net.to_keras()
