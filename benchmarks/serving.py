"""Load figures of services over HTTP: requests per second, p50, p99 and errors, of single rows.

    python benchmarks/serving.py --out serving.json
    python benchmarks/serving.py --rounds 1 --seconds 0.5 --connections 1,16 --workers 1       # a trial

Peers are ``compiled-nn serve`` with and without batching, and one FastAPI program (``serving_program.py``) on
compiled-nn, ONNX Runtime and scikit-learn. All of them answer the same rows with the same network. It needs an
environment with compiled-nn[serve], onnx, onnxruntime and scikit-learn, and listens on the loopback interface only.

The load comes from a separate process (``serving_load.py``), which is pinned to the last CPU, and the service to the
others, if there are at least as many of them as workers; otherwise both use all CPUs, and the table says so. The row
"ceiling" is a service that reads no request and sends a constant answer: how much load the generator can create.
Peers take turns in each round, and each measurement is bounded by a time and a number of requests. Medians of the
rounds are printed, and errors are added up. An error is an answer with another status than 200, a connection that was
closed, or a wrong label in one of 16 answers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import pickle
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
NETWORKS = {"small": (32, 64, 64, 3), "large": (784, 512, 512, 10)}
N_ROWS = 64  # different rows
WAIT = 60  # seconds until a service must have started
MOST = 200_000  # requests of one measurement
CONSTANT = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 200\r\n\r\n" + b" " * 200


class Peer(NamedTuple):
    """A service: its name in the table, and its command without the number of workers."""

    name: str
    library: str
    path: str
    options: tuple[str, ...] = ()


OURS = "/models/model/predict"
PEERS = (
    Peer("ceiling", "", "/"),
    Peer("compiled-nn serve", "serve", OURS),
    Peer("compiled-nn serve, no batching", "serve", OURS, ("--no-batching",)),
    Peer("FastAPI program on compiled-nn", "compiled_nn", "/predict"),
    Peer("FastAPI program on ONNX Runtime", "onnxruntime", "/predict"),
    Peer("FastAPI program on scikit-learn", "sklearn", "/predict"),
)


def write_models(folder: Path, sizes: tuple[int, ...]) -> tuple[list[str], list[str]]:
    """Write one network for all libraries; return the bodies of requests and the labels that are expected."""
    import compiled_nn as cnn
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(0)
    k, *hidden, n = sizes
    X, y = rng.normal(size=(20 * n, k)).astype(np.float32), np.arange(20 * n) % n
    peer = MLPClassifier(tuple(hidden), max_iter=1, random_state=0)
    peer.partial_fit(X, y, classes=np.arange(n))
    (folder / "model.pickle").write_bytes(pickle.dumps(peer))
    weights = [
        (W.astype(np.float32), b.astype(np.float32))
        for W, b in zip(peer.coefs_, peer.intercepts_, strict=True)
    ]
    net = cnn.Network([*(cnn.Dense(units, "relu") for units in hidden), cnn.Dense(n)], seed=0)
    net.set_weights(weights)
    net.save(folder / "model.safetensors")
    write_onnx(folder / "model.onnx", weights)
    rows = np.round(rng.normal(size=(N_ROWS, k)), 4)
    shares = net.predict_proba(rows)
    assert np.allclose(shares, peer.predict_proba(rows), atol=1e-5)  # float32 against float64
    return [json.dumps({"rows": [row]}) for row in rows.tolist()], [str(i) for i in shares.argmax(axis=1)]


def write_onnx(path: Path, weights: list[tuple[Any, Any]]) -> None:
    """Write the network as a graph of ONNX."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    nodes, initializers, name = [], [], "X"
    for i, (W, b) in enumerate(weights):
        initializers += [numpy_helper.from_array(W, f"W{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [name, f"W{i}", f"b{i}"], [f"z{i}"]))
        last = i == len(weights) - 1
        name = "probabilities" if last else f"a{i}"
        nodes.append(helper.make_node("Softmax" if last else "Relu", [f"z{i}"], [name]))
    sizes = weights[0][0].shape[0], weights[-1][0].shape[1]
    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, size])
        for name, size in zip(("X", "probabilities"), sizes, strict=True)
    ]
    graph = helper.make_graph(nodes, "model", tensors[:1], tensors[1:], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    save(model, path)


def free_port() -> int:
    """Return a port of the loopback interface that nothing uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def command_of(peer: Peer, folder: Path, port: int, workers: int) -> list[str]:
    """Return the command of a service."""
    if peer.library == "":
        return [sys.executable, __file__, "--constant", str(port)]
    if peer.library == "serve":
        model = str(folder / "model.safetensors")
        return [
            *(sys.executable, "-m", "compiled_nn", "serve", model, "--port", str(port)),
            *("--workers", str(workers), "--threads", "1", *peer.options),
        ]
    return [sys.executable, str(HERE / "serving_program.py"), str(port), str(workers)]


@contextlib.contextmanager
def running(peer: Peer, folder: Path, workers: int, cpus: list[int], classes: int) -> Iterator[int]:
    """Run a service, and yield its port once it answers."""
    port = free_port()
    environment = {
        **os.environ,
        **{name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")},
        "SERVING_LIBRARY": peer.library,
        "SERVING_FOLDER": str(folder),
        "SERVING_CLASSES": str(classes),
    }
    pinned = ["taskset", "-c", ",".join(map(str, cpus))] if cpus else []
    process = subprocess.Popen([*pinned, *command_of(peer, folder, port, workers)], env=environment)
    try:
        end = time.monotonic() + WAIT
        while not answers(port):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{peer.name} has not started")
            time.sleep(0.1)
        time.sleep(0.5 * (workers > 1))  # the other workers may start later
        yield port
    finally:
        process.terminate()
        try:
            process.wait(WAIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(port: int) -> bool:
    """Return whether a service answers."""
    with contextlib.closing(socket.socket()) as client:
        client.settimeout(WAIT)
        try:
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET /docs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return client.recv(12).startswith(b"HTTP/1.1")
        except OSError:
            return False


def measured(task: dict[str, Any]) -> dict[str, Any]:
    """Run the load generator, and return its figures."""
    limit = task["warm_up"] + task["seconds"] + 120
    done = subprocess.run(
        [sys.executable, HERE / "serving_load.py"],
        input=json.dumps(task) + "\n",
        capture_output=True,
        text=True,
        timeout=limit,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def split_cpus(workers: int) -> tuple[list[int], list[int]]:
    """Return the CPUs of the service and of the load; both empty if there are too few to separate them."""
    if not hasattr(os, "sched_getaffinity"):
        return [], []
    cpus = sorted(os.sched_getaffinity(0))
    return (cpus[:workers], cpus[-1:]) if len(cpus) > workers else ([], [])


async def constant(port: int) -> None:
    """Serve a constant answer for each request that ends in this packet."""

    class Constant(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport, self.buffer = transport, b""

        def data_received(self, data: bytes) -> None:
            self.buffer += data
            if self.buffer.endswith((b"}", b"\r\n\r\n")) and not self.buffer.endswith(b"json\r\n\r\n"):
                if self.buffer.startswith(b"POST") and not self.buffer.endswith(b"}"):
                    return
                self.buffer = b""
                self.transport.write(CONSTANT)  # type: ignore[attr-defined]

    server = await asyncio.get_running_loop().create_server(Constant, "127.0.0.1", port)
    await server.serve_forever()


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure all peers in turns."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    peers = [
        peer
        for peer in PEERS
        if not options.peers or any(name in peer.name for name in options.peers.split(","))
    ]
    with tempfile.TemporaryDirectory() as name:
        for network in options.networks.split(","):
            folder = Path(name, network)
            folder.mkdir()
            bodies, expected = write_models(folder, NETWORKS[network])
            for round_ in range(options.rounds):
                for workers in map(int, options.workers.split(",")):
                    cpus, cpus_of_load = split_cpus(workers)
                    for peer in peers:
                        if not peer.library and workers > 1:
                            continue
                        with running(peer, folder, workers, cpus, NETWORKS[network][-1]) as port:
                            for connections in map(int, options.connections.split(",")):
                                task = {
                                    "port": port,
                                    "path": peer.path,
                                    "bodies": bodies,
                                    "expected": expected if peer.library else [""] * N_ROWS,
                                    "key": "label",
                                    "connections": connections,
                                    "count": MOST,
                                    "warm_up": options.seconds / 4,
                                    "seconds": options.seconds,
                                    "cpus": cpus_of_load,
                                }
                                one = measured(task)
                                key = network, workers, connections, peer.name, bool(cpus)
                                found.setdefault(key, []).append(one)
                                print(round_, *key, round(one["per_second"]), one["errors"], file=sys.stderr)
    return [summary(key, samples) for key, samples in found.items()]


def summary(key: tuple[Any, ...], samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of the samples of one case."""
    names = ("network", "workers", "connections", "peer", "separate_cpus")
    medians = {
        name: statistics.median(each[name] for each in samples) for name in ("per_second", "p50", "p99")
    }
    errors = sum(sum(each["errors"].values()) for each in samples)
    return {**dict(zip(names, key, strict=True)), **medians, "errors": errors, "samples": samples}


def table(results: list[dict[str, Any]]) -> str:
    """Return the results as a table of Markdown."""
    lines = [
        "| network | workers | connections | service | requests/s | p50, ms | p99, ms | errors |",
        "|---|---|---|---|---|---|---|---|",
    ]
    order = [peer.name for peer in PEERS]
    for each in sorted(
        results,
        key=lambda one: (one["network"], one["workers"], one["connections"], order.index(one["peer"])),
    ):
        lines.append(
            f"| {each['network']} | {each['workers']}{'' if each['separate_cpus'] else ' *'} | {each['connections']} |"
            f" {each['peer']} | {each['per_second']:,.0f} | {1e3 * each['p50']:.2f} | {1e3 * each['p99']:.2f} |"
            f" {each['errors']} |"
        )
    return "\n".join([*lines, "", "\\* the load generator and the service share the CPUs"])


def main() -> None:
    """Measure, print a table, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds (default: 3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="time of each measurement (default: 4)")
    parser.add_argument("--connections", default="1,16,64", help="numbers of connections (default: 1,16,64)")
    parser.add_argument("--workers", default="1,2", help="numbers of processes (default: 1,2)")
    parser.add_argument("--networks", default="small,large", help="networks (default: small,large)")
    parser.add_argument("--peers", help="parts of the names of peers (default: all)")
    parser.add_argument("--out", type=Path, help="file for the results as JSON")
    parser.add_argument("--constant", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.constant is not None:
        asyncio.run(constant(options.constant))
        return
    results = run(options)
    print(table(results))
    if options.out is not None:
        import compiled_nn
        import fastapi
        import onnxruntime
        import sklearn
        import uvicorn

        libraries = (compiled_nn, fastapi, uvicorn, onnxruntime, sklearn)
        versions = {library.__name__: library.__version__ for library in libraries}
        head = {
            "machine": platform.processor() or platform.machine(),
            "cpus": os.cpu_count(),
            "versions": versions,
        }
        options.out.write_text(
            json.dumps({**head, "command": sys.argv, "results": results}, indent=1), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
