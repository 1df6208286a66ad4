"""An exported file is kept, and predicts the same numbers for ever; today's export of its model is the same graph."""

import json

import numpy as np
import pytest
from golden import onnx_case

onnx = pytest.importorskip("onnx", reason="models are exported with onnx")
runtime = pytest.importorskip("onnxruntime", reason="exported models are verified by onnxruntime")
STORED = json.loads(onnx_case.NUMBERS.read_text())


def test_the_file_predicts_what_it_did():
    session = runtime.InferenceSession(str(onnx_case.FILE), providers=["CPUExecutionProvider"])
    label, probabilities = session.run(["label", "probabilities"], onnx_case.feed())
    assert label.tolist() == STORED["label"]
    assert abs(probabilities - STORED["probabilities"]).max() < 1e-9


def test_the_model_predicts_what_it_did():
    rows = onnx_case.ROWS | {"since": np.array(onnx_case.ROWS["since"], "datetime64[us]")}
    net = onnx_case.model()
    assert net.predict(rows).tolist() == STORED["label"]
    assert abs(net.predict_proba(rows) - STORED["probabilities"]).max() < 1e-12


def test_its_export_is_the_same_graph():
    """Nodes, inputs and outputs are equal; numbers differ by roundings between processors."""
    kept, today = onnx.load(onnx_case.FILE), onnx_case.model().to_onnx()
    for one, other in zip(kept.graph.initializer, today.graph.initializer, strict=True):
        numbers, expected = onnx.numpy_helper.to_array(other), onnx.numpy_helper.to_array(one)
        assert (one.name, expected.dtype, expected.shape) == (other.name, numbers.dtype, numbers.shape)
        if expected.dtype.kind == "f":
            assert np.allclose(numbers, expected, rtol=1e-12, atol=1e-14)
        else:
            assert np.array_equal(numbers, expected)
    for graph in (kept.graph, today.graph):
        del graph.initializer[:]
    assert today.graph == kept.graph
    assert (today.ir_version, today.opset_import) == (kept.ir_version, kept.opset_import)
    kept, today = ({each.key: each.value for each in model.metadata_props} for model in (kept, today))
    assert today.keys() == kept.keys()
    assert [today[key] for key in ("inputs", "classes", "dtype")] == [
        kept[key] for key in ("inputs", "classes", "dtype")
    ]
    assert json.loads(kept["verification"])["largest_difference"] < 1e-9
