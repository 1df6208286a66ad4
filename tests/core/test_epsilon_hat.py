"""Adam(epsilon_hat=True): epsilon added to the root before its bias is corrected."""

import compiled_nn as cnn
import numpy as np
import pytest

KINDS = pytest.mark.parametrize("kind", [cnn.Adam, cnn.AdamW])


@KINDS
@pytest.mark.parametrize("hat", [False, True])
def test_the_first_steps(kind, hat, dtype):
    """A weight w of y = w x with the gradient 2 (w x - y) x, and an epsilon that matters."""
    rate, b1, b2, epsilon, w = 0.1, 0.9, 0.999, 0.5, 2.0
    optimizer = kind(rate, b1, b2, epsilon, epsilon_hat=hat)
    layer = cnn.Dense(1, bias=False, init=np.array([[w]]))
    net = cnn.Network([layer], loss="mse", optimizer=optimizer, dtype=dtype)
    net.fit([[1.0]], [1.0], epochs=5)
    m = v = 0.0
    for t in range(1, 6):
        g = 2 * (w - 1)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        c1, c2 = 1 - b1**t, 1 - b2**t
        w *= 1 - rate * getattr(optimizer, "weight_decay", 0.0)
        w -= rate * np.sqrt(c2) / c1 * m / (np.sqrt(v) + (epsilon if hat else epsilon * np.sqrt(c2)))
    assert net.get_weights()[0][0].item() == pytest.approx(w, rel=1e-5 if dtype == "float32" else 1e-12)


@KINDS
def test_a_file_holds_it(kind, tmp_path):
    for hat in (False, True):
        net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer=kind(epsilon_hat=hat), seed=0)
        net.fit([[0.0]], [1.0], epochs=1).save(tmp_path / "net.safetensors")
        assert cnn.load(tmp_path / "net.safetensors").optimizer == kind(epsilon_hat=hat)


def test_it_is_a_flag():
    with pytest.raises(TypeError, match="'epsilon_hat' parameter of Adam must be a bool"):
        cnn.Adam(epsilon_hat=1)
