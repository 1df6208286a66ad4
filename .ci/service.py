"""Requests that schemathesis derives from the OpenAPI document of a service: `python service.py [SECONDS]`.

The service runs in two processes on the loopback interface, with models of several kinds. No request may be answered by
a status of 500 or more, or otherwise than the document says; the service must end normally, and its log must be free
of errors.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import compiled_nn as cnn
import numpy as np

BIN = Path(sys.executable).parent
# Some rows that the schema accepts have no finite answer, and some others are answered, such as those with a boolean
# for a number: these are not faults.
LEFT_OUT = "negative_data_rejection,positive_data_acceptance"
MOST = 60  # examples of each route


def write_models(folder: Path) -> list[str]:
    """Write models of a table, of numbers with intervals, of images and of several labels; return the arguments."""
    rng = np.random.default_rng(0)
    cities, n = ("Ulm", "Bonn", "Köln"), 120
    rows = [
        {
            "age": None if i % 9 == 0 else float(rng.uniform(20, 60)),
            "city": None if i % 11 == 0 else cities[i % 3],
            "since": f"2024-{i % 12 + 1:02d}-03",
            "flag": bool(i % 2),
        }
        for i in range(n)
    ]
    y = np.array(["no", "yes"])[[int((row["age"] or 0) > 40) for row in rows]]
    cnn.TabularClassifier(n_members=2, max_iter=3, random_state=0).fit(rows, y).save(
        folder / "churn.safetensors"
    )
    X = rng.normal(size=(n, 3))
    price = cnn.Network([cnn.Dense(4, "tanh"), cnn.Dense(1)], loss="mse", seed=0).fit(X, X[:, 0], epochs=2)
    price.calibrate_intervals(X, X[:, 0]).save(folder / "price.safetensors")
    images = rng.normal(size=(n, 2, 3))
    cnn.Network([cnn.Dense(2)], seed=0).fit(images, np.arange(n) % 2, epochs=1).save(
        folder / "image.safetensors"
    )
    several = cnn.Network([cnn.Dense(2)], loss="binary_cross_entropy", seed=0)
    several.fit(X, (X[:, :2] > 0).astype(int), epochs=1).save(folder / "several.safetensors")
    names = {"churn": "churn", "price:1": "price", "price:2": "several", "image": "image"}
    return [f"{name}={folder / file}.safetensors" for name, file in names.items()]


def main() -> None:
    """Run the service and schemathesis, and exit with 1 if a check fails."""
    seconds = sys.argv[1] if len(sys.argv) > 1 else "600"
    with tempfile.TemporaryDirectory() as name:
        models = write_models(Path(name))
        service = subprocess.Popen(
            [sys.executable, "-m", "compiled_nn", "serve", *models, "--port", "0", "--workers", "2"],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert service.stderr is not None
        first = service.stderr.readline()
        address = re.search(r"http://[^ ]+$", first.strip())
        assert address, first
        command = [
            BIN / "schemathesis",
            "run",
            f"{address[0]}/openapi.json",
            "--wait-for-schema",
            "30",
            "--no-color",
        ]
        checks = ["--checks", "all", "--exclude-checks", LEFT_OUT, "--continue-on-failure"]
        limits = ["--max-examples", str(MOST), "--max-time", seconds]
        checked = subprocess.run(
            [*command, *checks, *limits],
            cwd=name,
        )
        service.terminate()
        log = service.stderr.read()
        code = service.wait(60)
    print(log)
    if checked.returncode or code or "ERROR" in log or "Traceback" in log:
        sys.exit(f"schemathesis ended with {checked.returncode}, the service with {code}")


if __name__ == "__main__":
    main()
