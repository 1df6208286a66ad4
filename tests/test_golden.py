"""Files that earlier versions wrote load for ever, and predict what they predicted.

A release that changes the format adds its own files here; none is ever replaced.
"""

import json
from pathlib import Path

import compiled_nn as cnn
import numpy as np
import pytest

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())


def test_every_file_is_expected():
    assert {path.stem for path in GOLDEN.glob("*.safetensors")} == set(EXPECTED["networks"])
    assert all(path.stat().st_size < 20_000 for path in GOLDEN.iterdir())


@pytest.mark.parametrize("name", EXPECTED["networks"])
def test_predicts_as_when_it_was_written(name, tmp_path):
    X, expected = np.array(EXPECTED["X"]), EXPECTED["networks"][name]
    net = cnn.load(GOLDEN / f"{name}.safetensors")
    scores = net.decision_function(X)
    # instruction sets without fused multiply-add round otherwise
    tolerance = 1e-12 if scores.dtype == np.float64 else 1e-5
    assert np.allclose(scores, expected["decision_function"], rtol=tolerance, atol=tolerance)
    predicted = net.predict(X)
    if expected["classes"] is None:
        assert np.allclose(predicted, expected["predict"], rtol=tolerance, atol=tolerance)
    else:
        assert predicted.tolist() == expected["predict"]
        assert net.classes_.tolist() == expected["classes"]
    assert net.n_parameters == expected["n_parameters"]
    net.save(tmp_path / "again.safetensors")
    again = cnn.load(tmp_path / "again.safetensors")
    assert again.decision_function(X).tobytes() == scores.tobytes()
