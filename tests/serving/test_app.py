"""The application: mounted and included in others, its documents, metrics, settings, and start."""

import asyncio
import base64
import hashlib
import html
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import compiled_nn as cnn
import numpy as np
import pytest
from services import answered, get, post, request

pytest.importorskip("fastapi", reason="FastAPI is not installed")
pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")

import fastapi
from compiled_nn.serving import create_app, create_router

X = np.random.default_rng(0).normal(size=(30, 2))
ROWS = {"rows": [[0.5, 1.0]]}


@pytest.fixture(scope="module")
def net():
    return cnn.Network([cnn.Dense(2)], seed=0).fit(X, np.array(["no", "yes"])[np.arange(30) % 2], epochs=1)


@pytest.fixture(scope="module")
def table():
    rows = {"age": X[:, 0].tolist(), "it's": ["<b>", "ü"] * 15}
    net = cnn.Network([cnn.Dense(1)], loss="mse", categorical_features="auto", seed=0)
    return net.fit(rows, X[:, 1], epochs=1).calibrate_intervals(rows, X[:, 1])


def test_mounted_twice_and_included(net, table):
    """Without the lifespan of the mounted applications, which Starlette does not run; metrics do not collide."""
    outer = fastapi.FastAPI()
    outer.mount("/a", create_app(net))
    outer.mount("/b", create_app({"t": table}))
    outer.include_router(create_router({"c": net}), prefix="/c")
    expected = post(create_app(net), "/models/model/predict", ROWS).json["predictions"]
    assert post(outer, "/a/models/model/predict", ROWS).json["predictions"] == expected
    assert post(outer, "/c/models/c/predict", ROWS).json["predictions"] == expected
    assert get(outer, "/b/v2/models/t/ready").status == 200
    assert get(outer, "/c/v2/health/ready").status == 200
    assert 'model="model"' in get(outer, "/a/metrics").text
    assert 'model="model"' not in get(outer, "/b/metrics").text
    assert get(outer, "/a/openapi.json").json["servers"] == [{"url": "/a"}]
    assert "/b/models/t/predict" in get(outer, "/b/docs").text
    assert 'href="/b/docs"' in get(outer, "/b/").text


def test_lifespan(net):
    app = create_app(net)

    async def run():
        async with app.router.lifespan_context(app):
            during = await request(app, "GET", "/v2/health/ready")
        after = await request(app, "GET", "/v2/health/ready")
        return during.status, after.status, (await request(app, "GET", "/v2/models/model/ready")).status

    assert asyncio.run(run()) == (200, 503, 503)
    assert asyncio.run(run()) == (200, 503, 503), "it can be run again"


def test_openapi(net, table):
    """The schema of the rows is that of the model, and its example is answered."""
    app = create_app({"net": net, "table": {"1": table, "2": table}})
    document = get(app, "/openapi.json").json
    for name, model in (("net", net), ("table", table)):
        body = document["paths"][f"/models/{name}/predict"]["post"]["requestBody"]["content"][
            "application/json"
        ]
        schema, items = model.input_schema(), body["schema"]["properties"]["rows"]["items"]
        row = items["anyOf"][0] if "anyOf" in items else items
        assert row["type"] == schema["type"]
        assert row.get("properties") == schema.get("properties")
        assert post(app, f"/models/{name}/predict", body["example"]).status == 200
    assert "coverage" in body["schema"]["properties"]
    assert {"/models/table/versions/1/predict", "/models/table/versions/2/predict"} <= document[
        "paths"
    ].keys()
    infer = document["paths"]["/v2/models/{model}/infer"]["post"]
    example = infer["requestBody"]["content"]["application/json"]["example"]
    assert post(app, "/v2/models/net/infer", example).status == 200
    identifiers = [
        each["operationId"] for operations in document["paths"].values() for each in operations.values()
    ]
    assert len(set(identifiers)) == len(identifiers)
    assert app.openapi()["paths"] == document["paths"]


def test_example_of_a_table_as_tensors(table):
    app = create_app(table)
    infer = app.openapi()["paths"]["/v2/models/{model}/infer"]["post"]
    example = infer["requestBody"]["content"]["application/json"]["example"]
    assert [each["name"] for each in example["inputs"]] == ["age", "it's"]
    assert post(app, "/v2/models/model/infer", example).status == 200


def test_answers_match_their_schema(net, table):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    app = create_app({"net": net, "table": table})
    for name, operation in (("net", "/models/net/predict"), ("table", "/models/table/predict")):
        described = app.openapi()["paths"][operation]["post"]
        content = described["requestBody"]["content"]["application/json"]
        schema = described["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(content["example"], content["schema"])
        jsonschema.validate(post(app, f"/models/{name}/predict", content["example"]).json, schema)


class Page(HTMLParser):
    """What a page loads from elsewhere, its scripts and its tags."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.tags = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]


def test_pages_work_offline(table):
    app = create_app({"t": table})
    for path, scripts in (("/docs", 0), ("/", 1)):
        answer = get(app, path)
        page = Page(answer.text)
        assert answer.status == 200
        assert all(address.startswith("/") for address in page.addresses)
        assert page.tags.count("script") == scripts
        assert not {"b", "img", "link"} & set(page.tags), "names of columns and labels are texts"
    command = re.search(r"curl -X POST \S+ -d '([^']*)'", html.unescape(get(app, "/docs").text))
    assert post(app, "/models/t/predict", json.loads(command[1])).status == 200


def test_metrics(net):
    app = create_app({"m": net})
    for document in (ROWS, {"rows": [[0, 1], [2, 3]]}, {"rows": [[0, "x"]]}):
        post(app, "/models/m/predict", document)
    post(app, "/models/nobody/predict", ROWS)
    text = get(app, "/metrics").text
    route = "/models/{model}/predict"
    for line in (
        f'compiled_nn_requests_total{{model="m",route="{route}",status="200"}} 2.0',
        f'compiled_nn_requests_total{{model="m",route="{route}",status="422"}} 1.0',
        f'compiled_nn_requests_total{{model="",route="{route}",status="404"}} 1.0',
        f'compiled_nn_request_seconds_count{{route="{route}"}} 4.0',
        'compiled_nn_rows_total{model="m"} 3.0',
        'compiled_nn_call_rows_count{model="m"} 2.0',
        f'compiled_nn_model_info{{fingerprint="{net.fingerprint()}",model="m",version="1"}} 1.0',
        'compiled_nn_model_failed{model="m",version="1"} 0.0',
    ):
        assert f"\n{line}\n" in text


def test_an_error_of_the_program_is_no_answer(net, monkeypatch, caplog):
    app = create_app(net)
    model = app.state.store.slot("model").current
    monkeypatch.setattr(model.rows, "read", lambda rows: 1 / 0)
    answer = post(app, "/models/model/predict", ROWS)
    assert (answer.status, answer.json) == (500, {"error": "The request failed. The log has the reason."})
    assert "ZeroDivisionError" in caplog.text


def test_a_connection_that_ends_early(net):
    async def receive():
        return {"type": "http.disconnect"}

    sent = asyncio.run(answered(create_app(net), "POST", "/models/model/predict", receive))
    assert sent[0]["status"] == 400


def test_a_body_that_does_not_arrive(net):
    async def receive():
        await asyncio.Event().wait()

    sent = asyncio.run(answered(create_app(net, timeout=0.05), "POST", "/models/model/predict", receive))
    assert sent[0]["status"] == 408


def test_a_model_that_is_trained_further_keeps_its_answers(net):
    model = cnn.Network([cnn.Dense(2)], seed=0).fit(X, np.arange(30) % 2, epochs=1)
    app = create_app(model)
    before = post(app, "/models/model/predict", ROWS).json
    model.fit(X, np.arange(30) % 2, epochs=5)
    assert post(app, "/models/model/predict", ROWS).json == before


@pytest.mark.parametrize(
    ("models", "error", "message"),
    [
        ({}, ValueError, "There is no model to serve"),
        ({"a": {}}, ValueError, "The model a has no version"),
        ({"a/b": "x"}, ValueError, "'a/b' cannot be the name of a model"),
        ({"a": {"1 2": "x"}}, ValueError, "'1 2' cannot be the version"),
        ({1: "x"}, ValueError, "1 cannot be the name"),
        ("nothing.safetensors", FileNotFoundError, "nothing.safetensors"),
        (
            3,
            TypeError,
            "A model must be the path of a file, a Network, an Ensemble or a fitted estimator. Got int",
        ),
        (cnn.MLPClassifier(), ValueError, "This MLPClassifier is not fitted yet"),
        (cnn.TabularRegressor(), ValueError, "This TabularRegressor is not fitted yet"),
        (cnn.Network([cnn.Dense(2)]), ValueError, "not fitted"),
    ],
)
def test_models_that_cannot_be_served(models, error, message):
    with pytest.raises(error, match=re.escape(message)):
        create_app(models)


def test_a_file_that_is_no_model(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"m\.safetensors is not a readable network"):
        create_app(path)


@pytest.mark.parametrize(
    ("setting", "value", "error"),
    [
        ("batching", 1, TypeError),
        ("max_rows", 0, ValueError),
        ("max_bytes", 1.5, TypeError),
        ("reload", 0, ValueError),
        ("timeout", float("inf"), ValueError),
        ("n_threads", 0, ValueError),
        ("speed", 1, TypeError),
    ],
)
def test_settings_are_checked(net, setting, value, error):
    with pytest.raises(error, match=setting):
        create_app(net, **{setting: value})


@pytest.mark.parametrize("missing", ["fastapi", "prometheus_client"])
def test_without_the_extra(net, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=rf'a service needs {missing}; pip install "compiled-nn\[serve\]"'):
        create_app(net)


def test_importing_the_chapter_loads_no_library(environment):
    code = "import sys, compiled_nn.serving; print({'fastapi', 'starlette', 'uvicorn'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_page_without_a_browser(net, table):
    """The policy allows only the style and the script of the page, which make no HTML of text."""
    app = create_app({"net": net, "table": {"1": table, "2": net}})
    first = get(app, "/")
    assert first.status == 200
    assert "<h1>net</h1>" in first.text
    policy = first.headers[b"content-security-policy"].decode()
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    for name in ("script", "style"):
        content = re.search(f"<{name}>(.*?)</{name}>", first.text, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}';" in policy
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(|style=|onclick", first.text)
    assert "content-security-policy" in {name.decode() for name in get(app, "/docs").headers}


def test_pages_of_models(net, table):
    app = create_app({"net": net, "table": {"1": table, "2": net}})

    def page(query):
        return get(app, "/", query=query)

    found = page("model=table&version=1")
    assert 'data-url="/models/table/versions/1/predict"' in found.text
    assert "&lt;b&gt;" in found.text
    assert "<b>" not in found.text
    assert 'data-url="/models/table/versions/2/predict"' in page("model=table").text
    missing = page("model=%3Cscript%3E")
    assert missing.status == 404
    assert "<script>" not in missing.text
    assert "No model is named" in missing.text


def test_page_of_a_model_that_is_not_ready(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"<script>")
    app = create_app(tmp_path / "a.safetensors", background=True)
    found = get(app, "/")
    assert found.status == 200
    assert "The model is not ready." in found.text
    assert "<form" not in found.text


def test_page_of_names_that_utf8_cannot_encode():
    columns = {"\ud800": X[:, 0], "b": X[:, 1]}
    model = cnn.Network([cnn.Dense(1)], loss="mse", categorical_features="auto", seed=0).fit(
        columns, X[:, 0], epochs=1
    )
    assert "\\ud800" in get(create_app(model), "/").text


def test_a_quantised_network_answers_with_int8(net, tmp_path):
    small = net.quantize(X)
    small.save(tmp_path / "small.safetensors")
    app = create_app({"small": tmp_path / "small.safetensors"})
    (answer,) = post(app, "/models/small/predict", ROWS).json["predictions"]
    expected = dict(zip(["no", "yes"], small.predict_proba(ROWS["rows"])[0].tolist(), strict=True))
    assert answer["probabilities"] == pytest.approx(expected, abs=1e-7)
    assert get(app, "/models/small").json["card"]["precision"] == "int8"
