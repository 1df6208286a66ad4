"""The model of the exported file `table.onnx`, and the rows for it; run as a program, it writes the file.

The file and its numbers were written by version 0.1.0 and onnxruntime 1.32.0. They are kept after a change of the
export, which adds another file.
"""

import json
from pathlib import Path

import compiled_nn as cnn
import numpy as np

FILE = Path(__file__).parent / "table.onnx"
NUMBERS = FILE.with_suffix(".json")
ROWS = {
    "age": [30.0, None, 71.5, -4.0],
    "city": ["Ulm", "Bonn", None, "Wien"],
    "plan": [2, 1, 7, None],
    "since": ["2020-02-29T12:00", "NaT", "1999-12-31T23:59:59", "2024-07-01"],
}


def model():
    """Return a network of a table that was not trained: its weights are those of its seed."""
    table = {
        "age": [20.0, 35.0, None, 50.0, 65.0] * 8,
        "city": ["Ulm", "Bonn", None, "Ulm"] * 10,
        "plan": [1, 2, 3, 2] * 10,
        "since": (np.datetime64("2019-01-01T06", "us") + np.arange(40) * np.timedelta64(1000, "h")).tolist(),
    }
    net = cnn.Network(
        [cnn.Dense(5, "gelu"), cnn.Dense(5, "silu", norm="layer", residual=True), cnn.Dense(3)],
        seed=1,
        dtype="float64",
        categorical_features="auto",
        column_types={"plan": "category"},
        embeddings=2,
        standardize="robust_smooth_clip",
        numeric_embeddings=cnn.PiecewiseLinear(bins=3),
    )
    return net.fit(table, ["no", "yes", "maybe", "yes"] * 10, epochs=0)


def feed():
    """Return the rows as the inputs of the file take them."""
    since = np.array(ROWS["since"], "datetime64[us]").astype("int64")
    return {
        "age": np.array([[np.nan if age is None else age] for age in ROWS["age"]]),
        "city": np.array([["" if city is None else city] for city in ROWS["city"]], object),
        "plan": np.array([[np.nan if plan is None else plan] for plan in ROWS["plan"]]),
        "since": since[:, np.newaxis],
    }


if __name__ == "__main__":
    net = model()
    net.to_onnx(FILE)
    rows = ROWS | {"since": np.array(ROWS["since"], "datetime64[us]")}
    numbers = {"label": net.predict(rows).tolist(), "probabilities": net.predict_proba(rows).tolist()}
    NUMBERS.write_text(json.dumps(numbers, indent=1) + "\n")
