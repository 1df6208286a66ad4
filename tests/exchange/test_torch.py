"""PyTorch's modules and state dicts, both ways: the same predictions, or a refusal that names the part."""

import copy
import pickle
from collections import OrderedDict

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.exchange import verification
from model_kinds import KINDS

torch = pytest.importorskip("torch", reason="needs PyTorch")
nn = torch.nn

X = np.random.default_rng(1).normal(size=(40, 4))


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def drawn(module):
    """Return a module whose parameters and statistics are all random, so that none of them is without an effect."""
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if "running_var" in name:
            tensor.data.uniform_(0.5, 2)
        elif tensor.is_floating_point():
            tensor.data.normal_()
    return module


def answers(module, rows=X):
    with torch.no_grad():
        return copy.deepcopy(module).eval()(torch.tensor(rows, dtype=torch.float64)).numpy()


def assert_same(net, module):
    """Predictions of the network are those of a module of float64, in each form."""
    expected = answers(module)
    if net._configuration.loss.classifies:
        found = net.predict_proba(X)
        expected = np.concatenate([1 - expected, expected], axis=1) if expected.shape[1] == 1 else expected
    else:
        found = net.predict(X).reshape(len(X), -1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * abs(expected).max())


# ---- from modules

ACTIVATIONS = {
    "relu": nn.ReLU(),
    "relu6": nn.ReLU6(),
    "selu": nn.SELU(),
    "sigmoid": nn.Sigmoid(),
    "silu": nn.SiLU(),
    "mish": nn.Mish(),
    "softsign": nn.Softsign(),
    "hard_sigmoid": nn.Hardsigmoid(),
    "hard_swish": nn.Hardswish(),
    "tanh": nn.Tanh(),
    "leaky_relu": nn.LeakyReLU(),
    "elu": nn.ELU(),
    "celu": nn.CELU(),
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU("tanh"),
    "softplus": nn.Softplus(),
    "softplus of 2 z": nn.Softplus(2.0),
    "log_sigmoid": nn.LogSigmoid(),
    "hard_tanh": nn.Hardtanh(),
    "clip": nn.Hardtanh(-2, 5),
    "clip to 6": nn.Hardtanh(0, 6),
    "identity": nn.Identity(),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations(name, dtype, differences):
    activation = ACTIVATIONS[name]
    module = drawn(nn.Sequential(nn.Linear(4, 6), activation, nn.Linear(6, 5), activation, nn.Linear(5, 2)))
    module = module.to(getattr(torch, dtype))
    net = cnn.from_torch(module)
    assert net._configuration.dtype == dtype
    assert [layer.units for layer in net.layers] == [6, 5, 2]
    record = net.metadata["conversion"]
    assert record["from"] == "PyTorch Sequential"
    assert record["against"] == f"PyTorch {torch.__version__}"
    assert record["largest_difference"] <= verification.BOUNDS[dtype]
    differences("from PyTorch", name, dtype, record["largest_difference"])
    if dtype == "float64":
        assert_same(net, module)


def several(*modules):
    return lambda: drawn(nn.Sequential(*(make() for make in modules)))


def linear(k, n, **options):
    return lambda: nn.Linear(k, n, **options)


MODULES = {
    "softmax": several(nn.Flatten, linear(4, 5), nn.ReLU, linear(5, 3), lambda: nn.Softmax(1)),
    "log softmax": several(linear(4, 3), lambda: nn.LogSoftmax(-1)),
    "sigmoid": several(linear(4, 5), nn.Tanh, linear(5, 1), nn.Sigmoid),
    "batch norm": several(linear(4, 5), lambda: nn.BatchNorm1d(5), nn.ReLU, linear(5, 2)),
    "batch norm without biases": several(
        linear(4, 5, bias=False), lambda: nn.BatchNorm1d(5, affine=False, eps=0.1), nn.ReLU, linear(5, 2)
    ),
    "batch norm after the activation": several(
        linear(4, 5), nn.ReLU, lambda: nn.BatchNorm1d(5), lambda: nn.Dropout(0.3), linear(5, 2)
    ),
    "batch norm of X": several(lambda: nn.BatchNorm1d(4), linear(4, 5), nn.ReLU, linear(5, 2)),
    "batch norm twice": several(
        linear(4, 5), lambda: nn.BatchNorm1d(5), lambda: nn.BatchNorm1d(5), nn.ReLU, linear(5, 2)
    ),
    "batch norm of the outputs": several(linear(4, 2), lambda: nn.BatchNorm1d(2)),
    "batch norm of activated outputs": several(linear(4, 2), nn.Tanh, lambda: nn.BatchNorm1d(2)),
    "layer norm": several(linear(4, 5), lambda: nn.LayerNorm(5), nn.ReLU, linear(5, 2)),
    "layer norm without biases": several(
        linear(4, 5, bias=False), lambda: nn.LayerNorm(5, eps=0.01), nn.ReLU, linear(5, 2)
    ),
    "layer norm of X": several(lambda: nn.LayerNorm(4), linear(4, 5), nn.ReLU, linear(5, 2)),
    "layer norm of activated units": several(
        linear(4, 5), nn.ReLU, lambda: nn.LayerNorm(5, bias=False), linear(5, 2)
    ),
    "layer norm of the outputs": several(linear(4, 3), lambda: nn.LayerNorm(3)),
    "rms norm": several(linear(4, 5), lambda: nn.RMSNorm(5, eps=1e-3), nn.ReLU, linear(5, 2)),
    "rms norm without biases": several(
        linear(4, 5, bias=False), lambda: nn.RMSNorm(5), nn.ReLU, linear(5, 2)
    ),
    "two activations": several(linear(4, 5), nn.ReLU, nn.Tanh, linear(5, 2)),
    "an activation at the end": several(linear(4, 2), nn.Softplus),
    "linear layers": several(linear(4, 5), linear(5, 5), linear(5, 1)),
    "nested": lambda: drawn(
        nn.Sequential(
            nn.Sequential(nn.Linear(4, 5), nn.SiLU()), nn.Sequential(OrderedDict(last=nn.Linear(5, 2)))
        )
    ),
    "one layer": linear(4, 3),
}


@pytest.mark.parametrize("case", MODULES)
def test_modules(case):
    module = MODULES[case]().double()
    net = cnn.from_torch(module)
    if case != "log softmax":
        assert_same(net, module)
    else:
        np.testing.assert_allclose(net.predict_log_proba(X), answers(module), rtol=1e-12)
    assert module.training
    y = (
        np.zeros((len(X), net.layers[-1].units))
        if not net._configuration.loss.classifies
        else np.arange(len(X)) % max(2, net.layers[-1].units)
    )
    weights = net.get_weights()
    net.fit(X, y, epochs=0)  # starts from these weights
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(net.get_weights(), weights, strict=True))
    net.partial_fit(X, y)


def test_structure_is_kept():
    module = nn.Sequential(
        *(nn.Dropout(0.1), nn.Linear(4, 5, bias=False), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.2)),
        *(nn.Linear(5, 5, bias=False), nn.LayerNorm(5), nn.GELU(), nn.Linear(5, 3), nn.Softmax(dim=1)),
    )
    net = cnn.from_torch(module)
    assert [(layer.units, layer.activation, layer.norm, layer.dropout) for layer in net.layers] == [
        (5, "relu", "batch", 0.2),
        (5, "gelu", "layer", 0.0),
        (3, "softmax", None, 0.0),
    ]
    assert (net._configuration.input_dropout, net._configuration.loss.name) == (0.1, "softmax_cross_entropy")


def test_layer_norm_of_biased_units_has_a_layer_of_its_own():
    module = nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.ReLU(), nn.Linear(5, 3))
    assert [layer.norm for layer in cnn.from_torch(drawn(module)).layers] == [None, "layer", None]


def test_scaled_inputs_are_statistics():
    module = drawn(nn.Sequential(nn.BatchNorm1d(4, affine=False), nn.Linear(4, 3))).double()
    module[0].running_mean += 1e6  # would lose digits in the weights
    net = cnn.from_torch(module)
    assert net._configuration.standardize is True
    np.testing.assert_allclose(net.mean_, module[0].running_mean, rtol=1e-15)
    np.testing.assert_allclose(net.predict(X + 1e6), answers(module, X + 1e6), rtol=0, atol=1e-8)


def test_a_module_that_is_used_twice():
    shared = nn.Linear(4, 4)
    module = nn.Sequential(shared, nn.Tanh(), shared).double()
    assert_same(cnn.from_torch(module), module)


def test_half_precision_is_read_as_float32():
    net = cnn.from_torch(drawn(nn.Sequential(nn.Linear(4, 3))).bfloat16())
    assert net._configuration.dtype == "float32"


# ---- the meaning of the outputs


@pytest.mark.parametrize("end", [[], [nn.Softmax(1)], [nn.LogSoftmax(1)]])
def test_labels_in_any_order(end):
    module = drawn(nn.Sequential(nn.Linear(4, 3), *end)).double()
    labels = np.array(["z", "b", "m"])
    net = cnn.from_torch(module, classes=labels)
    assert net.classes_.tolist() == ["b", "m", "z"]
    assert net.predict(X).tolist() == labels[answers(module).argmax(axis=1)].tolist()


@pytest.mark.parametrize("labels", [["no", "yes"], ["yes", "no"]])
@pytest.mark.parametrize("end", [[], [nn.Sigmoid()]])
def test_two_labels(labels, end):
    module = drawn(nn.Sequential(nn.Linear(4, 1), *end)).double()
    net = cnn.from_torch(module, classes=labels)
    second = answers(module)[:, 0] >= (0.5 if end else 0.0)
    assert net.predict(X).tolist() == np.array(labels)[second.astype(int)].tolist()


def test_several_sigmoids_are_labels_of_their_own():
    module = drawn(nn.Sequential(nn.Linear(4, 3), nn.Sigmoid())).double()
    assert np.array_equal(cnn.from_torch(module).predict(X), answers(module) >= 0.5)


def test_a_stated_loss():
    module = drawn(nn.Sequential(nn.Linear(4, 2), nn.Sigmoid())).double()
    net = cnn.from_torch(module, loss="mse")
    np.testing.assert_allclose(net.predict(X), answers(module), rtol=1e-12)
    logits = cnn.from_torch(nn.Sequential(module[0]), loss="softmax_cross_entropy")
    np.testing.assert_allclose(logits.decision_function(X), answers(module[0]), rtol=1e-12)
    assert logits.classes_.tolist() == [0, 1]
    gaussian = cnn.from_torch(module[0], loss="gaussian_nll")
    deviation = gaussian.predict_distribution(X)[1]
    np.testing.assert_allclose(deviation, np.exp(answers(module[0])[:, 1] / 2), rtol=1e-12)


# ---- state dicts


def test_state_dict(tmp_path):
    module = drawn(MODULES["batch norm"]()).double()
    state = module.state_dict()
    numbers = {name: tensor.numpy() for name, tensor in state.items()}
    for each in (state, numbers, {f"model.{name}": tensor for name, tensor in state.items()}):
        net = cnn.from_torch(each, activations="relu")
        assert_same(net, module)
        assert net.metadata["conversion"]["from"] == "state dict"
    save_file = pytest.importorskip("safetensors.torch", reason="needs safetensors").save_file
    save_file(state, tmp_path / "state.safetensors")
    assert_same(cnn.from_torch(tmp_path / "state.safetensors", activations=["relu"]), module)


def test_state_dict_in_natural_order(tmp_path):
    save_file = pytest.importorskip("safetensors.torch", reason="needs safetensors").save_file
    module = drawn(nn.Sequential(*[each for _ in range(6) for each in (nn.Linear(4, 4), nn.Tanh())])).double()
    save_file(module.state_dict(), tmp_path / "state.safetensors")  # "10.weight" before "2.weight"
    assert_same(cnn.from_torch(str(tmp_path / "state.safetensors"), activations=["tanh"] * 6), module)


def test_state_dict_with_a_softmax():
    module = drawn(nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3), nn.Softmax(1))).double()
    assert_same(cnn.from_torch(module.state_dict(), activations=["tanh", "softmax"]), module)


# ---- refusals


class InOrder(nn.Module):
    def __init__(self, more=0.0):
        super().__init__()
        self.first, self.act, self.last = nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1)
        self.more = more

    def forward(self, x):
        return self.last(self.act(self.first(x))) + self.more


def test_modules_of_the_user():
    module = InOrder().double()
    with pytest.raises(ValueError, match=r"^InOrder \(InOrder\) is a class of the user.*Pass in_order=True"):
        cnn.from_torch(module)
    assert_same(cnn.from_torch(module, in_order=True), module)
    with pytest.raises(
        ArithmeticError, match=r"differ by .* of the largest output on 64 probe rows.*no network was made"
    ):
        cnn.from_torch(InOrder(more=1.0), in_order=True)


def state(**changes):
    return {"0.weight": np.ones((3, 4)), "0.bias": np.ones(3), "2.weight": np.ones((1, 3))} | changes


REFUSED = {
    "another class": (lambda: cnn.from_torch(3), TypeError, "Got int instead"),
    "nothing": (lambda: cnn.from_torch(nn.Sequential()), ValueError, "no product with weights"),
    "convolution": (
        lambda: cnn.from_torch(nn.Sequential(nn.Conv1d(1, 2, 3))),
        ValueError,
        r"Sequential\.0 \(Conv1d\) has no counterpart",
    ),
    "slope": (
        lambda: cnn.from_torch(nn.Sequential(nn.Linear(4, 3), nn.LeakyReLU(0.2))),
        ValueError,
        r"Sequential\.1 \(LeakyReLU\) is a leaky relu with the slope 0\.2",
    ),
    "alpha": (
        lambda: cnn.from_torch(nn.Sequential(nn.Linear(4, 3), nn.ELU(0.5))),
        ValueError,
        r"\(ELU\) has alpha=0\.5",
    ),
    "a trained activation": (
        lambda: cnn.from_torch(nn.Sequential(nn.Linear(4, 3), nn.PReLU())),
        ValueError,
        r"\(PReLU\) has no counterpart",
    ),
    "another dropout": (
        lambda: cnn.from_torch(nn.Sequential(nn.Linear(4, 3), nn.AlphaDropout())),
        ValueError,
        "Replace it by Dropout or Identity",
    ),
    "statistics of the batch": (
        lambda: cnn.from_torch(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False))),
        ValueError,
        "track_running_stats=False",
    ),
    "sizes": (
        lambda: cnn.from_torch(nn.Sequential(nn.Linear(4, 3), nn.Linear(4, 3))),
        ValueError,
        r"Sequential\.1 \(Linear\) takes 4 inputs; what comes before it has 3",
    ),
    "softmax within": (
        lambda: cnn.from_torch(nn.Sequential(nn.Linear(4, 3), nn.Softmax(1), nn.Linear(3, 3))),
        ValueError,
        r"Sequential\.2 \(Linear\) follows a softmax",
    ),
    "flatten": (
        lambda: cnn.from_torch(nn.Sequential(nn.Linear(4, 3), nn.Flatten(0))),
        ValueError,
        "start_dim=0",
    ),
    "NaN": (
        lambda: cnn.from_torch(nn.Linear(4, 3, device="cpu").requires_grad_(False).apply(_with_nan)),
        ValueError,
        r"[Ww]eights of Linear \(Linear\) contain NaN",
    ),
    "no weights": (
        lambda: cnn.from_torch(nn.Linear(4, 3, device="meta")),
        ValueError,
        "on the device 'meta'",
    ),
    "number of labels": (
        lambda: cnn.from_torch(nn.Linear(4, 3), classes=["a", "b"]),
        ValueError,
        "classes has 2 labels; the network has 3 outputs",
    ),
    "equal labels": (
        lambda: cnn.from_torch(nn.Linear(4, 3), classes=["a", "b", "a"]),
        ValueError,
        "3 labels, 2 of them distinct",
    ),
    "labels of values": (
        lambda: cnn.from_torch(nn.Linear(4, 3), classes=["a", "b", "c"], loss="mse"),
        ValueError,
        "the outputs are values",
    ),
    "loss": (
        lambda: cnn.from_torch(nn.Sequential(nn.Linear(4, 3), nn.Tanh()), loss="softmax_cross_entropy"),
        ValueError,
        "The last layer is tanh",
    ),
    "activations of a module": (
        lambda: cnn.from_torch(nn.Linear(4, 3), activations="relu"),
        ValueError,
        "activations is for a state dict",
    ),
    "no activations": (lambda: cnn.from_torch(state()), TypeError, "Pass activations="),
    "number of activations": (
        lambda: cnn.from_torch(state(), activations=["relu"] * 3),
        ValueError,
        "activations has 3 names; the state dict has 2 linear layers",
    ),
    "unknown activation": (lambda: cnn.from_torch(state(), activations="rellu"), ValueError, "rellu"),
    "empty state": (lambda: cnn.from_torch({}, activations="relu"), ValueError, "no tensors"),
    "another tensor": (
        lambda: cnn.from_torch(state(**{"rnn.weight_ih_l0": np.ones(3)}), activations="relu"),
        ValueError,
        "the tensor 'rnn.weight_ih_l0'",
    ),
    "a vector": (
        lambda: cnn.from_torch(state(**{"1.weight": np.ones(3)}), activations="relu"),
        ValueError,
        "'1' of the state dict has the tensors",
    ),
    "place of batch norm": (
        lambda: cnn.from_torch(MODULES["batch norm after the activation"]().state_dict(), activations="relu"),
        ValueError,
        "'2' of the state dict is batch normalisation",
    ),
    "integers": (
        lambda: cnn.from_torch(state(**{"0.bias": np.ones(3, int)}), activations="relu"),
        ValueError,
        "dtype int64",
    ),
}


def _with_nan(module):
    module.weight[0, 0] = np.nan


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    call, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        call()


def test_pickles_are_not_read(tmp_path):
    torch.save(nn.Linear(4, 3).state_dict(), tmp_path / "state.pt")
    with pytest.raises(ValueError, match=r"ZIP archive, as written by torch\.save"):
        cnn.from_torch(tmp_path / "state.pt", activations="relu")


# ---- to PyTorch


def refusal(kind):
    """Return the message for a kind of model that takes tables, None for others."""
    if kind == "TabularClassifier of one class":
        return "takes a table"
    return "takes a table" if "table" in kind or kind == "embeddings" or kind.startswith("Tabular") else None


NOT_BACK = {"ordinal": "Ordinal", "quantile": "Sorted"} | dict.fromkeys(
    ["smooth clip", "piecewise linear", "bins and clip"], "Encode"
)


def outputs(module, rows):
    with torch.no_grad():
        return module(torch.tensor(rows)).numpy()


def dense(rows):
    return rows if isinstance(rows, np.ndarray) else rows.toarray()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model(kind, dtype, differences):
    model, rows = KINDS[kind](dtype)
    message, options = refusal(kind), {}
    if message is not None:
        with pytest.raises(ValueError, match=message):
            model.to_torch()
        if "one class" in kind:
            with pytest.raises(ValueError, match="one class only"):
                model.to_torch(encoded=True)
            return
        options = {"encoded": True}
    module = model.to_torch(**options)
    difference = module.conversion["largest_difference"]
    differences("to PyTorch", kind, dtype, difference)
    assert difference <= verification.BOUNDS[dtype]
    assert not module.training
    again = pickle.loads(pickle.dumps(module))
    again.load_state_dict(module.state_dict())
    inputs = (
        dense(getattr(model, "network_", model).encoder_.transform(rows)).astype(dtype) if options else rows
    )
    found = outputs(again, inputs)
    assert found.dtype == dtype
    expected = _expected(model, rows)
    # Of tables, the encoded rows are computed in another dtype than within predict.
    bound = verification.BOUNDS[dtype] * (10 if options else 1)
    np.testing.assert_allclose(
        found[:, : expected.shape[1]], expected, rtol=0, atol=bound * abs(expected).max()
    )


def _expected(model, rows):
    loss = model._described_predictor()[0].loss
    if not loss.classifies:
        return model.predict(rows).reshape(
            len(rows) if isinstance(rows, np.ndarray) else len(rows["age"]), -1
        )
    probabilities = model.predict_proba(rows)
    return (
        probabilities[:, 1:]
        if loss.link == "sigmoid" and not loss.ordered and probabilities.shape[1] == 2
        else probabilities
    )


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "ensemble" not in kind and refusal(kind) is None])
def test_there_and_back(kind):
    model, rows = KINDS[kind]("float64")
    module = model.to_torch()
    if kind in NOT_BACK:
        with pytest.raises(ValueError, match=rf"\({NOT_BACK[kind]}\) was made by to_torch"):
            cnn.from_torch(module)
        return
    loss = model._described_predictor()[0].loss
    net = cnn.from_torch(module, loss=loss if loss.name == "gaussian_nll" else None)
    flat = rows.reshape(len(rows), -1)
    if loss.classifies:
        np.testing.assert_allclose(net.predict_proba(flat), model.predict_proba(rows), rtol=0, atol=1e-12)
    else:
        np.testing.assert_allclose(net.predict(flat), model.predict(rows), rtol=1e-9)


@pytest.mark.parametrize(
    "kind", ["softmax", "sigmoid", "multi-label", "calibrated", "ensemble", "ensemble, calibrated"]
)
def test_logits(kind):
    model, rows = KINDS[kind]("float64")
    found = outputs(model.to_torch(logits=True), rows)
    expected = model.decision_function(rows).reshape(len(rows), -1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * abs(expected).max())


def test_names_of_the_state_dict():
    net = cnn.Network([cnn.Dense(5, "relu"), cnn.Dense(3)], seed=0).fit(X, np.arange(40) % 3, epochs=1)
    module = net.to_torch()
    assert list(module.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert [type(each).__name__ for each in module] == ["Linear", "ReLU", "Linear", "Softmax"]
    assert np.array_equal(module[0].weight.detach().numpy().T, net.get_weights()[0][0])
    module[0].weight.data.zero_()
    assert net.get_weights()[0][0].any(), "the module has copies"


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("regression", {"logits": True}, "logits=True is for probabilities"),
        ("ordinal", {"logits": True}, "logits=True is for probabilities"),
        ("softmax", {"encoded": True}, "encoded=True is for models with an encoder"),
    ],
)
def test_options_without_an_effect(kind, options, message):
    with pytest.raises(ValueError, match=message):
        KINDS[kind]("float32")[0].to_torch(**options)


def test_functions_of_the_user_are_refused():
    net = cnn.Network([cnn.Dense(3, cnn.Activation(np.sin, np.cos)), cnn.Dense(1)], loss="mse", seed=0)
    net.fit(X, X[:, 0], epochs=1)
    with pytest.raises(ValueError, match="The activation of layer 0 is user-defined"):
        net.to_torch()


def test_a_file_without_the_order_of_its_layers(tmp_path):
    """safetensors sorts "head" before "trunk", which has as many units."""
    save_file = pytest.importorskip("safetensors.torch", reason="needs safetensors").save_file
    layers = {"trunk": nn.Linear(3, 3), "head": nn.Linear(3, 3)}
    state = {f"{name}.weight": layer.weight.data for name, layer in layers.items()}
    save_file(state, tmp_path / "state.safetensors")
    with pytest.raises(ValueError, match="does not contain the order in which 'head'"):
        cnn.from_torch(tmp_path / "state.safetensors", activations="relu")
    hidden = torch.relu(torch.ones(1, 3) @ state["trunk.weight"].T)
    expected = (hidden @ state["head.weight"].T).numpy()
    net = cnn.from_torch(state, activations="relu")
    np.testing.assert_allclose(net.predict([[1.0] * 3]).reshape(1, 3), expected, rtol=0, atol=1e-6)
