"""Format 4: names, shapes and metadata in files; a network without them keeps its older format."""

import copy
import json
import pickle

import compiled_nn as cnn
import pytest
import tensors
from small import INDICES, X, fitted, outputs

NAMES = ("a", "b", "c", "Ωmega \n")
OBJECTS = {
    "names": {"names": NAMES},
    "height and width": {"shape": (2, 2)},
    "with channels": {"shape": (1, 2, 2)},
    "metadata": {"metadata": {"unit": "mm", "deep": [{"x": None, "y": [1.5, True]}]}},
    "all": {"names": NAMES, "shape": (4, 1), "metadata": {"": 0}},
}
FILES = {
    "network": (cnn.Network.save, cnn.load),
    "checkpoint": (cnn.Network.save_checkpoint, cnn.load_checkpoint),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


def document(path):
    return json.loads(tensors.metadata(path)["compiled_nn"])


def with_document(path, change):
    """Change the document of a file in place."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"].pop("compiled_nn_card", None)
    fields = json.loads(header["__metadata__"]["compiled_nn"])
    change(fields)
    header["__metadata__"]["compiled_nn"] = json.dumps(fields)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])


def described(names=None, shape=None, metadata=None, **options):
    net = fitted(**options)
    net._inputs = net._inputs.replace(names=names, shape=shape)
    net.metadata = metadata or {}
    return net


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("options", [{}, {"standardize": True}, {"clip_norm": 1.0}])
@pytest.mark.parametrize("objects", OBJECTS)
def test_objects_come_back(objects, options, file, path):
    objects, (save, load) = OBJECTS[objects], FILES[file]
    net = described(**objects, **options)
    save(net, path)
    assert document(path)["format_version"] == 4
    expected = {"metadata" if name == "metadata" else "inputs" for name in objects}
    assert {"inputs", "outputs", "metadata"} & document(path).keys() == expected
    loaded = load(path)
    assert loaded._inputs.names == objects.get("names")
    assert loaded._inputs.shape == objects.get("shape")
    assert loaded.metadata == objects.get("metadata", {})
    assert outputs(loaded) == outputs(net)
    fields = document(path)
    save(loaded, path)
    assert document(path) == fields


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_have_them_too(twin):
    net = described(**OBJECTS["all"])
    other = twin(net)
    assert (other._inputs.names, other._inputs.shape, other.metadata) == (NAMES, (4, 1), {"": 0})


def test_without_content_the_format_is_older(path):
    """The fields that a file of an older format has are exactly those that it had before format 4."""
    for options, version in (({}, 1), ({"standardize": True}, 2), ({"clip_norm": 1.0}, 3)):
        fitted(**options).save(path)
        fields = document(path)
        assert fields.pop("format_version") == version
        assert list(fields) == [
            *("library_version", "network", "n_features", "targets", "classes"),
            *(["temperature"] if version == 3 else []),
        ]


def test_metadata_outlast_training(path):
    net = described(metadata={"rows": [1, 2]})
    net.fit(X, INDICES, epochs=1).partial_fit(X, INDICES)
    assert net.metadata == {"rows": [1, 2]}
    assert cnn.Network([cnn.Dense(3)]).metadata == {}


@pytest.mark.parametrize("metadata", [{"a": {1, 2}}, {"a": float("nan")}, {1: "a"}, [1], None])
def test_metadata_that_are_no_json(metadata, path):
    net = fitted()
    net.metadata = metadata
    with pytest.raises(TypeError, match="metadata"):
        net.save(path)
    assert not path.exists()


def put(name, value):
    return lambda fields: fields.update({name: value})


BAD = {
    "unknown object": put("members", {"n": 2}),
    "format 3": put("format_version", 3),
    "no object left": lambda fields: [fields.pop(name) for name in ("inputs", "metadata")],
    "no temperature": lambda fields: fields.pop("temperature"),
    "inputs empty": put("inputs", {}),
    "inputs a list": put("inputs", ["a"]),
    "inputs null": put("inputs", None),
    "inputs unknown key": put("inputs", {"name": ["a"]}),
    "names a text": put("inputs", {"names": "abcd"}),
    "names with a number": put("inputs", {"names": ["a", "b", "c", 4]}),
    "names too few": put("inputs", {"names": ["a", "b", "c"]}),
    "names twice": put("inputs", {"names": ["a", "b", "c", "a"]}),
    "shape a number": put("inputs", {"shape": 4}),
    "shape of one size": put("inputs", {"shape": [4]}),
    "shape of four sizes": put("inputs", {"shape": [1, 1, 2, 2]}),
    "shape of another size": put("inputs", {"shape": [2, 3]}),
    "shape with 0": put("inputs", {"shape": [0, 4]}),
    "shape below 0": put("inputs", {"shape": [-2, -2]}),
    "shape with a float": put("inputs", {"shape": [2.0, 2]}),
    "shape with a bool": put("inputs", {"shape": [True, 4]}),
    "shape with a text": put("inputs", {"shape": ["2", 2]}),
    "outputs empty": put("outputs", {}),
    "outputs unknown key": put("outputs", {"colour": "red"}),
    "outputs a list": put("outputs", [1]),
    "metadata empty": put("metadata", {}),
    "metadata a list": put("metadata", [1]),
    "metadata null": put("metadata", None),
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("case", BAD)
def test_bad_objects_are_value_errors(case, file, path):
    save, load = FILES[file]
    save(described(**OBJECTS["all"]), path)
    with_document(path, lambda fields: None)
    load(path)
    with_document(path, BAD[case])
    with pytest.raises(ValueError, match="is not a readable network"):
        load(path)


def test_an_encoder_has_the_names(path):
    """A file with an encoder has no second list of names."""
    table = [["red", 1.0], ["blue", 2.0]] * 15
    net = cnn.Network([cnn.Dense(3)], categorical_features=[0], seed=0).fit(table, INDICES, epochs=1)
    net.metadata = {"a": 1}
    net.save(path)
    assert cnn.load(path).metadata == {"a": 1}
    with_document(path, put("inputs", {"names": ["colour", "number"]}))
    with pytest.raises(ValueError, match="encoder, which describes the columns"):
        cnn.load(path)
