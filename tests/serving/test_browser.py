"""The page in a browser: its form filled in, its answers compared with the model, errors at their fields, its look."""

import re

import compiled_nn as cnn
import numpy as np
import pytest
from browser import CHROMIUM, SCHEMES, driven

pytest.importorskip("fastapi", reason="FastAPI is not installed")
pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

import fastapi
from compiled_nn.serving import create_app

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

N = 120
RNG = np.random.default_rng(0)
AGE = RNG.uniform(18, 93, N).round()
CITY = np.array(["Ulm", "Bonn", "Köln"], dtype=object)[np.arange(N) % 3]
SINCE = (np.datetime64("2024-01-01") + np.arange(N)).astype(str).astype(object)
LEVEL = np.array([1.5, 2.5, 10.0])[np.arange(N) % 3]
TABLE = {"age": AGE, "city": CITY, "since": SINCE, "level": LEVEL}
TYPES = {"level": "category"}
TEXT = "<img src=x onerror=alert(1)>"
ODD = {
    "<script>alert(1)</script>": AGE,
    "__proto__": CITY,
    "a\"'\r\n&amp;": AGE[::-1].copy(),
    "x" * 80: LEVEL,
}


@pytest.fixture(scope="module")
def models():
    three = np.array(["yes", "no", TEXT], dtype=object)[np.searchsorted([40, 60], AGE)]
    churn = cnn.Network(
        [cnn.Dense(3)], categorical_features="auto", column_types=TYPES, standardize=True, seed=0
    )
    churn.fit(TABLE, three, epochs=5).calibrate_intervals(TABLE, three)
    numbers = RNG.normal(size=(N, 3))
    price = cnn.Network([cnn.Dense(1)], loss="mse", seed=0).fit(numbers, numbers[:, 0], epochs=5)
    price.calibrate_intervals(numbers, numbers[:, 0])
    odd = cnn.Network([cnn.Dense(2)], categorical_features="auto", standardize=True, seed=0)
    return {
        "churn": churn,
        "price": {
            "1": price,
            "2": cnn.Network([cnn.Dense(2)], loss="mse", seed=0).fit(numbers, numbers[:, :2]),
        },
        "odd": odd.fit(ODD, three == "yes", epochs=2),
        "image": cnn.Network([cnn.Dense(30)], seed=0).fit(
            RNG.random((60, 4, 5)), np.arange(60) % 30, epochs=1
        ),
        "wide": cnn.Network([cnn.Dense(2)], seed=0).fit(RNG.random((60, 100)), np.arange(60) % 2, epochs=1),
    }


@pytest.fixture(scope="module")
def app(models):
    """The service below a path of another application."""
    outer = fastapi.FastAPI()
    outer.mount("/nets", create_app(models))
    return outer


def step(model, **parts):
    return {"src": f"/nets/?model={model}", "press": True, **parts}


@pytest.fixture(scope="module")
def found(app, tmp_path_factory):
    """Contents of the page after each of several steps, all in one run of the browser."""
    steps = {
        "filled": step(
            "churn",
            fill={"age": "25.50", "city": "Köln", "since": "2024-02-29", "level": "10.0", "Coverage": "0.8"},
        ),
        "missing": step("churn", fill={"age": " ", "city": "(missing)", "since": "", "level": "(missing)"}),
        "unusual": step("churn", fill={"age": "150", "city": "Mars", "level": "7"}),
        "example": step("churn", then={"age": "30"}),
        "wrong": step("churn", fill={"age": "3,5"}),
        "level": step("churn", fill={"level": "abc"}),
        "coverage": step("churn", fill={"Coverage": "2"}),
        "price": {"src": "/nets/", "follow": "price, version 1", "press": True, "fill": {"x0": "-.5"}},
        "required": step("price&version=1", fill={"x1": ""}),
        "values": step("price"),
        "odd": step("odd", fill={"__proto__": "Ulm", "<script>alert(1)</script>": "200"}),
        "image": step("image"),
        "no json": step("image", fill={"Row as JSON": "[[1, 2"}),
        "wide": step("wide", fill={"Row as JSON": str([0.25] * 100)}),
    }
    results = driven(app, list(steps.values()), tmp_path_factory.mktemp("browser"))
    return dict(zip(steps, results, strict=True))


def shares(model, row):
    return dict(zip(map(str, model.classes_), model.predict_proba([row])[0].tolist(), strict=True))


def test_answer_is_that_of_the_model(found, models):
    churn, result = models["churn"], found["filled"]
    row = {"age": 25.5, "city": "Köln", "since": "2024-02-29", "level": 10.0}
    assert result["raw"]["probabilities"] == shares(churn, row)
    assert result["result"] == churn.predict([row])[0]
    assert result["chosen"] == [result["result"]]
    assert result["raw"]["set"]["coverage"] == 0.8
    ranked = sorted(shares(churn, row).items(), key=lambda item: -item[1])
    assert [(name, number) for name, number, _ in result["bars"]] == [
        (n, f"{100 * p:.2f} %") for n, p in ranked
    ]
    # The width of a bar is that of its number, to a pixel of about 150:
    assert [width for _, _, width in result["bars"]] == pytest.approx([p for _, p in ranked], abs=0.01)
    assert '"age": 25.50' in result["command"]
    assert found["missing"]["raw"]["probabilities"] == shares(churn, dict.fromkeys(row))
    assert all(not field["error"] for field in result["fields"].values())


def test_fields(found):
    fields = found["example"]["fields"]
    assert list(fields) == ["age", "city", "since", "level", "Coverage"]
    assert fields["age"]["hint"] == f"training: {AGE.min():g} to {AGE.max():g}; empty if missing"
    assert [fields[name]["type"] for name in ("age", "city", "since")] == ["text", "select-one", "date"]
    assert found["example"]["changed"] == "The fields have changed since."
    assert found["filled"]["changed"] is None


def test_unusual_values_are_shown_at_their_fields(found, models):
    result = found["unusual"]
    row = {"age": 150, "city": "Mars", "since": "2024-01-01", "level": 7}
    assert result["raw"]["probabilities"] == shares(models["churn"], row)
    fields = result["fields"]
    assert fields["age"]["unusual"] == f"150 is outside what training saw ({AGE.min():g} to {AGE.max():g})."
    assert fields["city"]["unusual"] == "Mars is not a category of training (Bonn, Köln, Ulm)."
    assert fields["level"]["unusual"].startswith("7 is not a category of training")
    assert fields["since"]["unusual"] == ""


@pytest.mark.parametrize(
    ("name", "field", "text"),
    [
        ("wrong", "age", "The text '3,5' cannot be used; expected a number, or nothing if it is missing."),
        ("level", "level", "The text 'abc' cannot be used; expected a number, or nothing if it is missing."),
        ("coverage", "Coverage", "Coverage must be a number between 0 and 1, such as 0.9."),
        ("required", "x1", "Null cannot be used; expected a number, and none may be missing."),
        ("no json", "Row as JSON", "The body of the request is not JSON"),
    ],
)
def test_errors_are_shown_at_their_fields(found, name, field, text):
    fields = found[name]["fields"]
    assert fields[field]["error"].startswith(text)
    assert fields[field]["invalid"]
    assert fields[field]["focused"]
    assert [each for each in fields if fields[each]["error"] or fields[each]["invalid"]] == [field]
    assert found[name]["raw"] is None


def test_several_models(found, models):
    result, price = found["price"], models["price"]["1"]
    assert result["title"] == "price"
    current = [name for name, is_current in result["models"] if is_current == "page"]
    assert current == ["price, version 1"]
    assert [name for name, _ in result["models"]] == [
        "churn",
        "price, version 1",
        "price, version 2",
        "odd",
        "image",
        "wide",
    ]
    row = [-0.5, *(float(result["fields"][name]["value"]) for name in ("x1", "x2"))]
    assert result["raw"]["value"] == price.predict(np.array([row]))[0]
    low, _ = price.predict_interval(np.array([row]))
    assert result["raw"]["interval"]["lower"] == pytest.approx(float(np.ravel(low)[0]))
    assert re.search(r"Interval with 90 % coverage: \S+ to \S+", result["answer"])
    assert result["answer"].startswith(f"{result['raw']['value']:.7g}"[:6])
    assert [found["values"]["fields"][name]["type"] for name in ("x0", "x1", "x2")] == ["text"] * 3
    assert re.search(r"value 1\s+\S+\s+value 2\s+\S+", found["values"]["answer"])


def test_odd_names(found, models):
    """Names of columns and classes are text: no element is made of them, and no column is lost."""
    result = found["odd"]
    labels = ["<script>alert(1)</script>", "__proto__", "a\"'\\r\\n&amp;", "x" * 80]
    assert list(result["fields"]) == labels
    values = [result["fields"][name]["value"] for name in labels]
    row = dict(zip(ODD, (200.0, "Ulm", *map(float, values[2:])), strict=True))
    expected = models["odd"].predict_proba([row])[0].tolist()
    assert list(result["raw"]["probabilities"].values()) == expected
    assert result["chosen"] == [str(models["odd"].predict([row])[0])], (
        "True or False, which JSON writes in small letters"
    )
    assert "200 is outside" in result["fields"][labels[0]]["unusual"]
    assert TEXT in found["filled"]["answer"]
    for each in (result, found["filled"]):
        assert each["images"] == 0
        assert each["scripts"] == 1


def test_rows_as_json(found, models):
    image = found["image"]
    assert image["raw"]["probabilities"] == shares(models["image"], np.zeros((4, 5)))
    assert len(image["bars"]) == 20
    assert "and 10 others" in image["answer"]
    assert found["wide"]["raw"]["probabilities"] == shares(models["wide"], np.full(100, 0.25))


def test_nothing_is_loaded_from_elsewhere(found):
    for result in found.values():
        assert len(result["loaded"]) <= 1
        assert all(re.match(r"http://127\.0\.0\.1:\d+/nets/models/", address) for address in result["loaded"])


def brightness(colour):
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_fits_its_window(app, scheme, tmp_path):
    steps = [step(name, width=width) for name in ("churn", "odd", "image", "wide") for width in (1280, 400)]
    for result in driven(app, steps, tmp_path, scheme=scheme):
        assert result["raw"] is not None
        assert result["scroll"] <= result["width"]
        assert result["wide"] == []
        assert (brightness(result["back"]) < brightness(result["ink"])) == (scheme == "dark")
        assert abs(brightness(result["back"]) - brightness(result["ink"])) > 500
