"""docs/internals/readable_network.py: 100 lines, right gradients, and the weights of `compiled_nn.Network`."""

import importlib.util
import re
from pathlib import Path

import compiled_nn as cnn
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "docs" / "internals" / "readable_network.py"
PAGE = SOURCE.parent / "readable-network.md"

pytestmark = pytest.mark.skipif(not SOURCE.exists(), reason="this copy of the sources has no docs")


@pytest.fixture(scope="module")
def readable():
    """The module, which is in no package."""
    spec = importlib.util.spec_from_file_location("readable_network", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def data(rng):
    return rng.normal(size=(50, 6)), rng.choice(["bean", "leaf", "root"], 50)


def test_at_most_100_lines():
    assert len(SOURCE.read_text(encoding="utf-8").splitlines()) <= 100


def test_the_page_shows_the_whole_module():
    """The blocks of the page begin with all lines of the module, in order, except for its docstring."""
    module = SOURCE.read_text(encoding="utf-8").splitlines()[1:]
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    shown = "".join(blocks).splitlines()
    expected = [line for line in module if line]
    assert [line for line in shown if line][: len(expected)] == expected


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_gradient_equals_central_differences(readable, activation, rng):
    X, codes = rng.normal(size=(20, 6)), rng.integers(3, size=20)
    net = readable.Network((5, 4), activation)
    net.draw_weights([6, 5, 4, 3])
    for _, b in net.layers:
        b += rng.normal(size=b.shape)  # with b = 0, a row of zeros is where relu has no derivative
    _, gradients = net.gradient(X, codes)
    for w, g in zip([w for layer in net.layers for w in layer], gradients, strict=True):
        assert w.shape == g.shape
        for place in np.ndindex(w.shape):
            at, losses = w[place], []
            for step in (1e-6, -1e-6):
                w[place] = at + step
                losses.append(net.gradient(X, codes)[0])
            w[place] = at
            # Rounding of the losses divided by the step: 1e-16 / 1e-6.
            assert abs((losses[0] - losses[1]) / 2e-6 - g[place]) < 1e-8


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_steps_give_the_weights_of_compiled_nn(readable, data, activation, name):
    X, y = data
    ours = readable.Network((8, 5), activation, getattr(readable, name)(0.01))
    ours.draw_weights([6, 8, 5, 3])
    layers = [cnn.Dense(8, activation), cnn.Dense(5, activation), cnn.Dense(3)]
    fast = cnn.Network(layers, optimizer=getattr(cnn, name)(0.01), dtype="float64")
    fast.set_weights(ours.layers)
    ours.fit(X, y, epochs=10, batch_size=16, shuffle=False)
    fast.fit(X, y, epochs=10, batch_size=16, shuffle=False, warm_start=True)
    for pair, other in zip(ours.layers, fast.get_weights(), strict=True):
        for a, b in zip(pair, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)  # 40 steps, rounded differently
    assert (ours.predict(X) == fast.predict(X)).all()
    np.testing.assert_allclose(ours.predict_proba(X), fast.predict_proba(X), rtol=0, atol=1e-10)


def test_no_overflow_for_large_numbers(readable):
    net = readable.Network((3,), "sigmoid")
    net.draw_weights([1, 3, 2])
    assert np.isfinite(net.predict_proba(np.array([[-1e6], [1e6]]))).all()


def test_learns_digits(readable):
    digits = cnn.datasets.load_digits()
    X, X_test = (rows.reshape(len(rows), -1) / 16 for rows in (digits.X_train, digits.X_test))
    net = readable.Network((32,), seed=0).fit(X, digits.y_train, epochs=10)
    assert (net.predict(X_test) == digits.y_test).mean() > 0.93
