"""Files of narrow precisions: the same bits after loading, versions, and content that contradicts itself."""

import json

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.files import safetensors_file
from small import blobs, classifier

ROWS, LABELS = blobs(120, 5)
KEY = "compiled_nn"


def trained(precision):
    net = classifier(precision="bfloat16" if precision == "bfloat16" else "float32").fit(
        ROWS, LABELS, epochs=2
    )
    return net.quantize(ROWS) if precision == "int8" else net


def several(precision):
    parameters = {"precision": "bfloat16"} if precision == "bfloat16" else {}
    model = cnn.Ensemble(classifier(**parameters), n_members=2).fit(ROWS, LABELS, epochs=2)
    return model.quantize(ROWS) if precision == "int8" else model


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
@pytest.mark.parametrize("make", [trained, several])
@pytest.mark.parametrize("mappable", [False, True])
def test_a_loaded_model_has_the_same_bits(precision, make, mappable, tmp_path):
    model = make(precision)
    model.save(tmp_path / "net.safetensors", mappable=mappable)
    loaded = cnn.load(tmp_path / "net.safetensors", mmap=mappable)
    assert loaded.precision_ == precision
    assert (loaded.predict_proba(ROWS) == model.predict_proba(ROWS)).all()
    assert loaded.fingerprint() == model.fingerprint()
    card = cnn.read_card(tmp_path / "net.safetensors")
    assert (card["precision"], card["format_version"]) == (precision, 4)
    assert loaded.compare_precision(ROWS) == model.compare_precision(ROWS)
    if precision == "int8":
        with pytest.raises(RuntimeError, match="only predicts"):
            loaded.fit(ROWS, LABELS)


def test_networks_of_float32_keep_their_format(tmp_path):
    net = cnn.Network([cnn.Dense(3)], optimizer="adam", seed=0)
    net.set_weights([(np.eye(5, 3), np.zeros(3))])
    net.save(tmp_path / "net.safetensors")
    assert cnn.read_card(tmp_path / "net.safetensors")["format_version"] == 1
    assert cnn.read_card(tmp_path / "net.safetensors")["precision"] == "float32"


def changed(path, target, change):
    """Write a copy of a file whose document and tensors a function has changed."""
    with safetensors_file.open_tensors(path) as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    document = json.loads(metadata[KEY])
    change(document, tensors)
    safetensors_file.write_tensors(target, tensors, {KEY: document})


def other_precision(document, tensors):
    document["quantization"]["precision"] = "int4"


def unknown_field(document, tensors):
    document["quantization"]["bits"] = 8


def no_object(document, tensors):
    del document["quantization"]


def no_tensor(document, tensors):
    del tensors["quantization.inputs"]


def other_shape(document, tensors):
    tensors["quantization.layers"] = tensors["quantization.layers"][:, :0]


def not_finite(document, tensors):
    tensors["quantization.inputs"][0, 0] = np.nan


def reversed_range(document, tensors):
    tensors["quantization.inputs"] = tensors["quantization.inputs"][::-1].copy()


def wide(document, tensors):
    document["network"]["dtype"] = "float64"


def a_default(document, tensors):
    document["network"]["precision"] = "float32"


def a_precision(document, tensors):
    document["network"]["precision"] = "float16"


ERRORS = {
    other_precision: "quantization.precision is 'int4'",
    unknown_field: "quantization",
    no_object: "format version 4; a network with these parameters has",
    no_tensor: "lacks the tensor quantization.inputs",
    other_shape: "quantization.layers is F32",
    not_finite: "has a range that is not finite",
    reversed_range: "ends before it begins",
    wide: "the dtype of the network is float64",
    a_default: "precision",
    a_precision: "precision",
}


@pytest.mark.parametrize("change", ERRORS, ids=lambda change: change.__name__)
def test_contradictory_content_is_refused(change, tmp_path):
    trained("int8").save(tmp_path / "net.safetensors")
    changed(tmp_path / "net.safetensors", tmp_path / "other.safetensors", lambda document, tensors: None)
    assert cnn.load(tmp_path / "other.safetensors").precision_ == "int8"
    changed(tmp_path / "net.safetensors", tmp_path / "other.safetensors", change)
    with pytest.raises(ValueError, match=ERRORS[change]):
        cnn.load(tmp_path / "other.safetensors")
