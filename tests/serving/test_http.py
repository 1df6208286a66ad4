"""``compiled-nn serve`` over real HTTP on the loopback interface, in separate processes."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from services import saved_networks

pytest.importorskip("fastapi", reason="FastAPI is not installed")
pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

BODY = json.dumps({"rows": [[0.25, -1.0, 2.0]]})
WAIT = 60  # seconds until a process must have done something, on a busy machine


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two files of networks, and what each of them predicts for the row of BODY."""
    return saved_networks(tmp_path_factory.mktemp("models"), 2, [0.25, -1.0, 2.0])


class Service:
    """A process of ``compiled-nn serve``; `port` is the one that it listens on."""

    def __init__(self, *arguments):
        command = [
            sys.executable,
            "-W",
            "error",
            "-m",
            "compiled_nn",
            "serve",
            *map(str, arguments),
            "--port",
            "0",
        ]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.first = self.process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)$", self.first.strip())
        assert found, self.first + self.process.stderr.read()
        self.port = int(found[1])

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)

    def request(self, method, path, body=None):
        with contextlib.closing(self.connection()) as connection:
            return answer(connection, method, path, body)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        log = self.process.stderr.read()
        return self.process.wait(WAIT), log


def answer(connection, method, path, body=None):
    connection.request(method, path, body)
    response = connection.getresponse()
    return response.status, response.read().decode()


def value(text):
    return json.loads(text)["predictions"][0]["value"]


@pytest.fixture
def serve():
    """Function that starts a service; all are killed at the end, if they still run."""
    started = []

    def start(*arguments):
        started.append(Service(*arguments))
        return started[-1]

    yield start
    for service in started:
        if service.process.poll() is None:
            service.process.kill()
        service.process.stderr.close()
        service.process.wait()


def test_requests_and_the_end(serve, files):
    """SIGTERM: a request whose body is still on its way is answered, then the process ends with 0."""
    service = serve(files[0][0], "--log-level", "info")
    assert "serving net0 on http://127.0.0.1:" in service.first
    status, text = service.request("POST", "/models/net0/predict", BODY)
    assert (status, value(text)) == (200, files[0][1])
    with socket.create_connection(("127.0.0.1", service.port), timeout=WAIT) as client:
        head = f"POST /models/net0/predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n"
        client.sendall(head.encode() + BODY[:5].encode())
        until(lambda: "live" in service.request("GET", "/v2/health/live")[1])
        service.process.terminate()
        until(lambda: refuses(service.port))
        client.sendall(BODY[5:].encode())
        received = b"".join(iter(lambda: client.recv(4096), b""))
    assert received.startswith(b"HTTP/1.1 200")
    assert value(received.split(b"\r\n\r\n")[1]) == files[0][1]
    log = service.process.stderr.read()
    assert service.process.wait(WAIT) == 0
    assert "Traceback" not in log
    assert "GET /v2" not in log, "there is no access log without the option"


def refuses(port):
    """Whether nothing listens on a port."""
    with contextlib.closing(socket.socket()) as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def until(condition):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("workers", [1, 2])
def test_answers_are_not_delayed(serve, files, workers):
    """Nagle's algorithm would hold the second part of each answer back for 40 ms."""
    service = serve(f"m={files[0][0]}", "--workers", workers)
    times = []
    with contextlib.closing(service.connection()) as connection:
        for _ in range(20):
            start = time.perf_counter()
            assert answer(connection, "POST", "/models/m/predict", BODY)[0] == 200
            times.append(time.perf_counter() - start)
    assert min(times[1:]) < 0.03  # a millisecond without the delay


def test_ctrl_c(serve, files):
    service = serve(files[0][0], "--access-log", "--log-level", "info")
    service.request("GET", "/v2")
    code, log = service.end(signal.SIGINT)
    assert code == 0
    assert '"GET /v2 HTTP/1.1" 200' in log
    assert "Traceback" not in log


def test_reload_under_load(serve, files, tmp_path):
    """Clients ask without a pause while the file changes: each answer is that of the model it names, none fails."""
    path = tmp_path / "m.safetensors"
    shutil.copy(files[0][0], path)
    service = serve(f"m={path}", "--reload", "0.01")
    answers, ended = [], threading.Event()

    def ask():
        with contextlib.closing(service.connection()) as connection:
            while not ended.is_set():
                answers.append(answer(connection, "POST", "/models/m/predict", BODY))

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    for i in range(20):
        shutil.copy(files[(i + 1) % 2][0], f"{path}.new")
        os.replace(f"{path}.new", path)
        time.sleep(0.05)
    ended.set()
    for client in clients:
        client.join(WAIT)
    code, log = service.end()
    assert (code, "ERROR" in log) == (0, False)
    assert {status for status, _ in answers} == {200}
    values = {}
    for _, text in answers:
        values.setdefault(json.loads(text)["fingerprint"], set()).add(value(text))
    assert sorted(values.values(), key=min) == sorted(({number} for _, number in files), key=min)


def test_two_workers(serve, files):
    """Both answer, the metrics add up over both, and both end."""
    service = serve(f"m:1={files[0][0]}", f"m:2={files[1][0]}", "--workers", "2")
    assert "serving m on" in service.first
    for version, (_, expected) in (("1", files[0]), ("2", files[1])):
        for _ in range(10):
            status, text = service.request("POST", f"/models/m/versions/{version}/predict", BODY)
            assert (status, value(text)) == (200, expected)
    status, text = service.request("GET", "/metrics")
    route = "/models/{model}/versions/{version}/predict"
    assert f'compiled_nn_requests_total{{model="m",route="{route}",status="200"}} 20.0\n' in text
    assert text.count("compiled_nn_model_info{") == 2
    code, log = service.end()
    assert (code, "Traceback" in log) == (0, False)
    assert refuses(service.port)


def failure(*arguments):
    command = [sys.executable, "-m", "compiled_nn", "serve", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT)
    return done.returncode, done.stderr


def test_start_that_fails(files, tmp_path):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"junk")
    for workers in (1, 2):
        code, text = failure(broken, "--port", "0", "--workers", workers)
        assert (code, text.count("\n")) == (1, 1)
        assert "broken.safetensors is not a readable network" in text
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, text = failure(files[0][0], "--port", port)
        assert (code, text.count("\n")) == (1, 1)
        assert f"127.0.0.1:{port}: cannot listen: Address already in use" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--port", "70000", "x"), "'70000' is not a port from 0 to 65535"),
        (("=x",), "'=x' is not FILE, NAME=FILE or NAME:VERSION=FILE"),
        (("a=x", "a=y"), "two models have the name a and the version 1"),
        (("--reload", "often", "x"), "'often' is not a number > 0"),
        (("--log-level", "loud", "x"), "'loud' is not among debug, info, warning, error"),
    ],
)
def test_wrong_usage(capsys, arguments, message):
    from compiled_nn.cli import main

    with pytest.raises(SystemExit) as error:
        main(["serve", *arguments])
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_without_the_extra(monkeypatch, capsys, files):
    from compiled_nn.cli import main

    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", str(files[0][0])]) == 1
    assert 'a service needs uvicorn; pip install "compiled-nn[serve]"' in capsys.readouterr().err
