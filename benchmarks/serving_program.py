"""The program that a user would write with FastAPI, on one of several libraries; ``serving.py`` runs it.

    python serving_program.py PORT WORKERS

It checks rows by a model of pydantic, predicts in the event loop, and answers a label and probabilities by row, as
``compiled-nn serve`` does. SERVING_LIBRARY and SERVING_FOLDER say which library and where its model is.
"""

from __future__ import annotations

import os
import pickle
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from uvicorn.supervisors import Multiprocess

Predict = Callable[[Any], Any]


class Rows(BaseModel):
    """Body of a request."""

    rows: list[list[float]]


def on_compiled_nn(folder: Path) -> Predict:
    """Return the function from rows to probabilities."""
    import compiled_nn as cnn

    net = cnn.load(folder / "model.safetensors")
    net.n_threads = 1
    return net.predict_proba


def on_onnxruntime(folder: Path) -> Predict:
    """Return the function from rows to probabilities."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    return lambda X: session.run(["probabilities"], {"X": X})[0]


def on_sklearn(folder: Path) -> Predict:
    """Return the function from rows to probabilities."""
    with open(folder / "model.pickle", "rb") as file:
        return pickle.load(file).predict_proba  # type: ignore[no-any-return]  # nosec: written by serving.py


LIBRARIES = {"compiled_nn": on_compiled_nn, "onnxruntime": on_onnxruntime, "sklearn": on_sklearn}


def make_app() -> FastAPI:
    """Return the application."""
    app = FastAPI()
    predict_proba = LIBRARIES[os.environ["SERVING_LIBRARY"]](Path(os.environ["SERVING_FOLDER"]))
    names = [str(i) for i in range(int(os.environ["SERVING_CLASSES"]))]

    @app.post("/predict")
    async def predict(body: Rows) -> dict[str, Any]:
        probabilities = predict_proba(np.array(body.rows, dtype=np.float32))
        labels = probabilities.argmax(axis=1).tolist()
        return {
            "predictions": [
                {"label": label, "probabilities": dict(zip(names, row, strict=True))}
                for label, row in zip(labels, probabilities.tolist(), strict=True)
            ]
        }

    return app


def main() -> None:
    """Serve, as ``compiled-nn serve`` does: with a socket for which asyncio switches Nagle's algorithm off.

    The socket of ``uvicorn --workers 2`` has it, so that each of its answers would be 40 ms late.
    """
    port, workers = map(int, sys.argv[1:])
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen(2048)
        listener.set_inheritable(True)
        config = uvicorn.Config(
            make_app, factory=True, workers=workers, log_level="warning", access_log=False
        )
        if workers == 1:
            uvicorn.Server(config).run(sockets=[listener])
        else:
            Multiprocess(config, sockets=[listener]).run()


if __name__ == "__main__":
    main()
