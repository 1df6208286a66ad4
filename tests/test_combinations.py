"""Everything together: networks drawn at random from all that can be asked for keep what each part promises."""

import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import losses, schedules
from compiled_nn.spec.activations import ELEMENTWISE

N_DRAWN = 60


def draw(rng):
    """A network's parameters, its data and how to fit it, all drawn at random."""
    m, k = int(rng.integers(30, 90)), int(rng.integers(2, 20))
    kind = str(rng.choice(["classes", "binary", "values", "counts", "quantiles"]))
    n_classes = int(rng.integers(3, 6))
    X = rng.normal(size=(m, k)) * rng.choice([1, 20]) + rng.choice([0, 5])
    if kind == "classes":
        y, loss, n_outputs = rng.integers(0, n_classes, m), "softmax_cross_entropy", n_classes
        y[:n_classes] = np.arange(n_classes)
        loss = losses.SoftmaxCrossEntropy(label_smoothing=0.1) if rng.random() < 0.3 else loss
    elif kind == "binary":
        y, loss, n_outputs = np.array(["no", "yes"])[np.arange(m) % 2], "binary_cross_entropy", 1
    elif kind == "values":
        y, loss, n_outputs = rng.normal(size=m) * 10, str(rng.choice(["mse", "mae", "huber", "log_cosh"])), 1
    elif kind == "counts":
        y, loss, n_outputs = rng.poisson(2.0, m), "poisson", 1
    else:
        y, loss, n_outputs = rng.normal(size=m), losses.Quantile((0.2, 0.5, 0.8)), 3
    width = int(rng.integers(3, 40))
    layers = []
    for i in range(int(rng.integers(0, 4))):
        options = {
            "bias": bool(rng.random() < 0.8),
            "dropout": float(rng.choice([0.0, 0.0, 0.3])),
            "norm": rng.choice([None, None, "layer", "rms", "batch"]),
            "residual": bool(i > 0 and rng.random() < 0.4),
            "trainable": bool(rng.random() < 0.9),
            "rate": float(rng.choice([1.0, 1.0, 0.5])),
        }
        layers.append(cnn.Dense(width, str(rng.choice(ELEMENTWISE)), **options))
    layers.append(cnn.Dense(n_outputs))
    optimizer = rng.choice(
        [
            *(
                cnn.SGD(0.01, 0.9),
                cnn.Adam(0.01),
                cnn.AdamW(0.01),
                cnn.Adam(0.01, amsgrad=True),
                cnn.NAdam(0.01),
            ),
            *(cnn.RMSprop(0.01), cnn.Lion(0.001), cnn.Adam(schedules.Cosine(0.01, 20)), cnn.Rprop(0.01)),
        ]
    )
    parameters = {
        "loss": loss,
        "optimizer": optimizer,
        "l1": float(rng.choice([0, 0, 1e-3])),
        "l2": float(rng.choice([0, 1e-2])),
        "dtype": str(rng.choice(["float32", "float64"])),
        "seed": int(rng.integers(100)),
        "standardize": [True, True, "robust", "minmax"][rng.integers(4)],
        "scale_targets": kind == "values" and bool(rng.random() < 0.5),
        "input_dropout": float(rng.choice([0.0, 0.0, 0.1])),
        "clip_norm": None if rng.random() < 0.6 else 1.0,
        "ema": None if rng.random() < 0.7 else 0.9,
    }
    how = {"batch_size": int(rng.integers(5, 40)), "shuffle": bool(rng.random() < 0.8)}
    if rng.random() < 0.4:
        how["sample_weight"] = rng.integers(0, 3, m).astype(float)
        how["sample_weight"][:n_classes] = 1
    if kind in ("classes", "binary") and rng.random() < 0.3:
        how["class_weight"] = "balanced"
    return layers, parameters, X, y, how


@pytest.mark.parametrize("seed", range(N_DRAWN))
def test_any_network_keeps_its_promises(seed, tmp_path):
    layers, parameters, X, y, how = draw(np.random.default_rng(seed))
    net = cnn.Network(layers, **parameters)
    net.fit(X, y, epochs=3, **how)
    outputs = net.decision_function(X)
    assert np.isfinite(outputs).all()
    rows = np.concatenate([np.atleast_1d(net.decision_function(row[None])) for row in X])
    assert np.array_equal(rows, outputs)  # a row alone has the bits of the row in a batch

    twice = cnn.Network(layers, **parameters, n_threads=2).fit(X, y, epochs=3, **how)
    assert np.array_equal(twice.decision_function(X), outputs)  # any number of threads

    net.save(tmp_path / "net.safetensors")
    assert np.array_equal(cnn.load(tmp_path / "net.safetensors").decision_function(X), outputs)

    net.save_checkpoint(tmp_path / "net.ckpt.safetensors")
    copies = [cnn.load_checkpoint(tmp_path / "net.ckpt.safetensors"), pickle.loads(pickle.dumps(net))]
    net.fit(X, y, epochs=2, warm_start=True, **how)
    whole = cnn.Network(layers, **parameters).fit(X, y, epochs=5, **how)
    assert np.array_equal(net.decision_function(X), whole.decision_function(X))  # 3 + 2 epochs are 5
    for copy in copies:
        assert np.array_equal(copy.decision_function(X), outputs)
        copy.fit(X, y, epochs=2, warm_start=True, **how)
        assert np.array_equal(copy.decision_function(X), net.decision_function(X))
