"""The Open Inference Protocol, version 2: its routes, tensors and errors."""

import compiled_nn as cnn
import numpy as np
import pytest
from services import get, post

pytest.importorskip("fastapi", reason="FastAPI is not installed")
pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")

from compiled_nn.serving import create_app

X = np.random.default_rng(0).normal(size=(40, 3))
TABLE = {"age": X[:, 0].tolist(), "city": ["Ulm", "Bonn"] * 20}


@pytest.fixture(scope="module")
def numbers():
    net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0).fit(X, X[:, 0], epochs=2)
    return net.calibrate_intervals(X, X[:, 0])


@pytest.fixture(scope="module")
def table():
    net = cnn.Network([cnn.Dense(2)], categorical_features="auto", seed=0, dtype="float64")
    return net.fit(TABLE, ["no", "yes"] * 20, epochs=2)


@pytest.fixture(scope="module")
def app(numbers, table):
    return create_app({"numbers": numbers, "table": table}, max_rows=50)


def tensor(name="X", shape=(1, 3), datatype="FP32", data=(1.0, 2.0, 3.0), **further):
    return {"name": name, "shape": list(shape), "datatype": datatype, "data": data, **further}


def infer(app, *inputs, model="numbers", **further):
    return post(app, f"/v2/models/{model}/infer", {"inputs": list(inputs), **further})


def outputs(answer):
    assert answer.status == 200, answer.text
    return {each["name"]: each for each in answer.json["outputs"]}


def test_the_service(app):
    assert get(app, "/v2").json == {"name": "compiled_nn", "version": cnn.__version__, "extensions": []}
    for path in (
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/table/ready",
        "/v2/models/table/versions/1/ready",
    ):
        assert get(app, path).status == 200
    assert get(app, "/v2/models/none/ready").status == 404


def test_metadata(app):
    assert get(app, "/v2/models/table").json == {
        "name": "table",
        "versions": ["1"],
        "platform": "compiled_nn",
        "inputs": [
            {"name": "age", "datatype": "FP64", "shape": [-1]},
            {"name": "city", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP64", "shape": [-1, 2]},
        ],
    }
    found = get(app, "/v2/models/numbers/versions/1").json
    assert found["inputs"] == [{"name": "X", "datatype": "FP32", "shape": [-1, 3]}]
    assert found["outputs"] == [
        {"name": name, "datatype": "FP64", "shape": [-1, 1]} for name in ("values", "lower", "upper")
    ]


def test_one_tensor(app, numbers):
    lower, upper = numbers.predict_interval(X[:4])
    expected = {"values": numbers.predict(X[:4]).tolist(), "lower": lower.tolist(), "upper": upper.tolist()}
    for data in (X[:4].tolist(), X[:4].reshape(-1).tolist(), X[:4].reshape(4, 3, 1).tolist()):
        answer = infer(app, tensor(shape=(4, 3), datatype="FP64", data=data), id="a-1")
        assert {name: each["data"] for name, each in outputs(answer).items()} == expected
        assert answer.json["id"] == "a-1"
        assert (answer.json["model_name"], answer.json["model_version"]) == ("numbers", "1")
    assert "id" not in infer(app, tensor()).json


def test_a_tensor_per_column(app, table):
    age = tensor("age", (3,), "FP64", [0.5, None, 1])
    city = tensor("city", (3, 1), "BYTES", [["Ulm"], ["Bonn"], ["Paris"]])
    rows = [{"age": 0.5, "city": "Ulm"}, {"age": None, "city": "Bonn"}, {"age": 1, "city": "Paris"}]
    found = outputs(infer(app, city, age, model="table"))
    assert found["label"] == {
        "name": "label",
        "shape": [3],
        "datatype": "BYTES",
        "data": table.predict(rows).tolist(),
    }
    assert found["probabilities"]["data"] == table.predict_proba(rows).reshape(-1).tolist()
    assert found["probabilities"]["shape"] == [3, 2]
    columns = [tensor(f"x{i}", (2,), "INT32", [1, 2]) for i in range(3)]
    assert len(outputs(infer(app, *columns))["values"]["data"]) == 2


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        ("BOOL", True),
        *((f"{sign}INT{bits}", 1) for sign in ("", "U") for bits in (8, 16, 32, 64)),
        ("FP16", 1.0),
    ],
)
def test_datatypes(app, numbers, datatype, value):
    found = outputs(infer(app, tensor(datatype=datatype, data=[value] * 3)))
    assert found["values"]["data"] == numbers.predict([[1.0, 1.0, 1.0]]).tolist()


def test_chosen_outputs(app):
    answer = infer(app, tensor(), outputs=[{"name": "upper"}, {"name": "values", "parameters": {}}])
    assert [each["name"] for each in answer.json["outputs"]] == ["upper", "values"]
    narrow, wide = (
        outputs(infer(app, tensor(), parameters={"coverage": coverage}))["upper"]["data"]
        for coverage in (0.5, 0.95)
    )
    assert narrow < wide


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "inputs must be a list with at least one tensor"),
        ({"inputs": []}, "inputs must be a list"),
        ({"inputs": {}}, "inputs must be a list"),
        ({"inputs": [1]}, "inputs[0] is the number 1; expected an object"),
        ({"inputs": [{"name": "X"}]}, "inputs[0] lacks shape."),
        ({"inputs": [{**tensor(), "name": 1}]}, "inputs[0]: name is the number 1; expected a text"),
        ({"inputs": [tensor(datatype="FP31")]}, "has the datatype 'FP31'; there are BOOL, "),
        ({"inputs": [tensor(datatype=[])]}, "has the datatype a list"),
        ({"inputs": [tensor(shape=(0, 3))]}, "shape must be a list of up to 8 whole numbers above 0"),
        ({"inputs": [tensor(shape=(True, 3))]}, "shape must be a list"),
        ({"inputs": [tensor(shape=(1, 4))]}, "has 3 values; its shape [1, 4] needs 4."),
        ({"inputs": [tensor(shape=(3,))]}, "has the shape [3]; expected [rows, 3]."),
        ({"inputs": [tensor(shape=(3, 1))]}, "has the shape [3, 1]; expected [rows, 3]."),
        ({"inputs": [tensor(data="abc")]}, "data is the text 'abc'; expected a list"),
        ({"inputs": [tensor(data=[[1], 2, 3])]}, "data has values and lists at the same level"),
        ({"inputs": [tensor(data=[1, "2", 3])]}, "value 1 of data is the text '2'; the datatype is FP32."),
        ({"inputs": [tensor(datatype="INT8", data=[1, 2.5, 3])]}, "value 1 of data is the number 2.5"),
        ({"inputs": [tensor(datatype="BOOL", data=[1, 0, 1])]}, "value 0 of data is the number 1"),
        ({"inputs": [tensor(), tensor()]}, "Several inputs are named 'X'."),
        ({"inputs": [tensor(), tensor("x0", (1,), data=[1])]}, "The input X has all columns"),
        ({"inputs": [tensor("x9", (1,), data=[1])]}, "The model has no input named 'x9'"),
        (
            {"inputs": [tensor("x0", (1,), data=[1]), tensor("x1", (2,), data=[1, 2])]},
            "The input 'x1' has 2 rows; the input 'x0' has 1.",
        ),
        ({"inputs": [tensor("x0", (1, 2), data=[1, 2])]}, "expected [rows] or [rows, 1]"),
        (
            {"inputs": [tensor()], "outputs": [{"name": "value"}]},
            "no output named 'value'; there are values, lower",
        ),
        ({"inputs": [tensor()], "outputs": []}, "outputs must be a list"),
        ({"inputs": [tensor()], "outputs": ["values"]}, "outputs[0] must be an object with the key name"),
        ({"inputs": [tensor()], "id": 5}, "id is the number 5; expected a text"),
        ({"inputs": [tensor()], "output": []}, "has the key 'output'"),
        ({"inputs": [tensor()], "parameters": []}, "parameters is a list; expected an object"),
        ({"inputs": [tensor(parameters={"binary_data_size": 4})]}, "takes no binary tensors"),
    ],
)
def test_bad_requests(app, document, message):
    answer = post(app, "/v2/models/numbers/infer", document)
    assert answer.status == 400
    assert answer.json.keys() - {"column"} == {"error"}
    assert message in answer.json["error"]


@pytest.mark.parametrize(
    ("inputs", "row", "column"),
    [
        ([tensor(shape=(2, 3), data=[1, 2, 3, 4, None, 6])], 1, "x1"),
        ([tensor("x0", (2,), data=[1, 2])], 0, "x1"),
    ],
)
def test_bad_rows(app, inputs, row, column):
    answer = infer(app, *inputs)
    assert (answer.status, answer.json["row"], answer.json["column"]) == (422, row, column)


def test_too_many_rows(app):
    assert infer(app, tensor(shape=(51, 3), data=[0] * 153)).status == 413


def test_binary_extension_is_refused(app):
    headers = [(b"inference-header-content-length", b"10")]
    answer = post(app, "/v2/models/numbers/infer", {"inputs": [tensor()]}, headers=headers)
    assert (answer.status, "no binary tensors" in answer.json["error"]) == (400, True)


@pytest.mark.parametrize(
    ("y", "datatype"),
    [
        ([0, 1] * 20, "INT64"),
        ([0.5, 1.5] * 20, "FP64"),
        ([True, False] * 20, "BOOL"),
        ([b"a", b"\xff"] * 20, "BYTES"),
    ],
)
def test_labels(y, datatype):
    net = cnn.Network([cnn.Dense(2)], seed=0).fit(X, y, epochs=1)
    found = outputs(infer(create_app(net), tensor(shape=(40, 3), data=X.reshape(-1).tolist()), model="model"))
    expected = [
        each if type(each) is not bytes else each.decode("utf-8", "backslashreplace")
        for each in net.predict(X).tolist()
    ]
    assert (found["label"]["datatype"], found["label"]["data"]) == (datatype, expected)


def test_images_and_several_labels():
    images = np.random.default_rng(1).normal(size=(6, 2, 2))
    y = np.array([[0, 1], [1, 1], [0, 0]] * 2)
    net = cnn.Network([cnn.Dense(2)], loss="binary_cross_entropy", seed=0).fit(images, y, epochs=1)
    app = create_app(net)
    for shape in ((6, 2, 2), (6, 4), (6, 2, 2, 1)):
        found = outputs(infer(app, tensor(shape=shape, data=images.reshape(-1).tolist()), model="model"))
        assert found["label"]["data"] == net.predict(images).reshape(-1).tolist()
        assert found["label"]["shape"] == found["probabilities"]["shape"] == [6, 2]
    answer = infer(app, tensor(shape=(6, 1, 4), data=images.reshape(-1).tolist()), model="model")
    assert answer.status == 400
    assert "expected [rows, 4] or [rows, 2, 2]" in answer.json["error"]
