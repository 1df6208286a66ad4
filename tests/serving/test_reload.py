"""Files that change while a service runs: the new model answers, a broken file does not, no request is lost."""

import asyncio
import logging
import os
import shutil
import threading
import time

import compiled_nn as cnn
import pytest
from services import get, post, request, saved_networks

pytest.importorskip("fastapi", reason="FastAPI is not installed")
pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")

from compiled_nn.serving import create_app

ROW = [0.25, -1.0, 2.0]
DOCUMENT = {"rows": [ROW]}
PATH = "/models/m/predict"
WAIT = 20  # seconds until a change must have been noticed, on a busy machine


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Three files of networks, and what each of them predicts for ROW."""
    return saved_networks(tmp_path_factory.mktemp("models"), 3, ROW)


@pytest.fixture
def path(tmp_path, files):
    shutil.copy(files[0][0], tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def replace(path, source):
    """Replace a file as ``save`` does: whole, under its name."""
    shutil.copy(source, f"{path}.new")
    os.replace(f"{path}.new", path)


def value(app):
    return post(app, PATH, DOCUMENT).json["predictions"][0]["value"]


def until(condition):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_changed_file_answers(path, files):
    app = create_app(path, reload=0.02)
    assert value(app) == files[0][1]
    first = get(app, "/models/m").json["fingerprint"]
    replace(path, files[1][0])
    until(lambda: value(app) == files[1][1])
    assert get(app, "/models/m").json["fingerprint"] != first
    app.state.store.close()


def test_metadata_of_a_file(path, files):
    """A file with the same model and other metadata is another file, of the same fingerprint."""
    app = create_app(path, reload=None)
    before = get(app, "/models/m").json
    assert before["fingerprint"] == cnn.load(path).fingerprint() == before["card"]["fingerprint"]
    assert before["card"]["layers"] == cnn.read_card(path)["layers"]
    assert before["metadata"] == {}
    cnn.load(path).save(path, metadata={"note": "second"})
    app.state.store.reload()
    after = get(app, "/models/m").json
    assert (after["metadata"], after["fingerprint"]) == ({"note": "second"}, before["fingerprint"])


def test_without_reload(path, files):
    app = create_app(path, reload=None)
    replace(path, files[1][0])
    assert value(app) == files[0][1]
    assert not [thread for thread in threading.enumerate() if thread.name == "compiled_nn-reload"]


def test_a_broken_file_does_not_answer(path, files, caplog):
    app = create_app(path, reload=None)
    store = app.state.store
    path.write_bytes(b"junk")
    with caplog.at_level(logging.INFO, "compiled_nn.serving"):
        for _ in range(3):
            store.reload()
    assert value(app) == files[0][1]
    assert [record.levelname for record in caplog.records] == ["ERROR"], "once for each state of the file"
    answer = get(app, "/v2/models/m/ready")
    assert (answer.status, answer.json["ready"]) == (200, True)
    assert "m.safetensors is not a readable network" in answer.json["error"]
    assert "m/1" in get(app, "/v2/health/ready").json["errors"]
    metrics = get(app, "/metrics").text
    assert 'compiled_nn_model_failed{model="m",version="1"} 1.0' in metrics
    assert 'compiled_nn_model_load_failures_total{model="m",version="1"} 1.0' in metrics
    path.unlink()
    store.reload()
    assert "No such file" in get(app, "/v2/models/m/ready").json["error"]
    replace(path, files[2][0])
    store.reload()
    assert value(app) == files[2][1]
    assert "error" not in get(app, "/v2/models/m/ready").json


def test_a_touched_file_is_not_loaded_again(path):
    app = create_app(path, reload=None)
    slot = app.state.store.slot("m")
    model = slot.current
    os.utime(path, ns=(1, 1))
    assert slot.has_changed()
    app.state.store.reload()
    assert not slot.has_changed()
    assert slot.current is model


def test_a_file_of_the_same_size_and_time(path, files):
    """A replaced file is another one on the disk, even if its size and its time of change are the same."""
    app = create_app(path, reload=None)
    before = os.stat(path)
    replace(path, files[1][0])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert os.stat(path).st_size == before.st_size
    app.state.store.reload()
    assert value(app) == files[1][1]


def test_start_in_the_background(tmp_path, files):
    path = tmp_path / "m.safetensors"
    app = create_app(path, reload=0.02, background=True)
    answer = post(app, PATH, DOCUMENT)
    assert answer.status == 503
    assert "The model m is not ready" in answer.json["error"]
    assert get(app, "/v2/health/ready").status == 503
    assert get(app, "/v2/health/live").status == 200
    replace(path, files[1][0])
    until(lambda: get(app, "/v2/health/ready").status == 200)
    assert value(app) == files[1][1]
    app.state.store.close()


def test_versions(path, files):
    app = create_app({"m": {"old": path, "new": files[1][0]}}, reload=None)
    assert value(app) == files[1][1]
    for version, expected in (("old", files[0][1]), ("new", files[1][1])):
        answer = post(app, f"/models/m/versions/{version}/predict", DOCUMENT)
        assert (answer.json["version"], answer.json["predictions"][0]["value"]) == (version, expected)
    assert get(app, "/v2/models/m").json["versions"] == ["old", "new"]


@pytest.mark.parametrize("batching", [True, False])
def test_reload_under_load(path, files, batching):
    """Concurrent requests while the file changes 30 times: each answer is that of the model it names, none fails."""
    app = create_app(path, reload=0.005, batching=batching)
    expected = {}
    for source, number in files:
        expected[get(create_app({"m": source}), "/models/m").json["fingerprint"]] = number

    async def ask(answers, ended):
        while not ended.is_set():
            answers.append(await request(app, "POST", PATH, DOCUMENT))
            await asyncio.sleep(0)

    async def run():
        answers, ended = [], asyncio.Event()
        asking = [asyncio.create_task(ask(answers, ended)) for _ in range(8)]
        for i in range(30):
            replace(path, files[i % 3][0])
            await asyncio.sleep(0.01)
        ended.set()
        await asyncio.gather(*asking)
        return answers

    answers = asyncio.run(run())
    app.state.store.close()
    assert {answer.status for answer in answers} == {200}
    for answer in answers:
        assert answer.json["predictions"][0]["value"] == expected[answer.json["fingerprint"]]
    assert len({answer.json["fingerprint"] for answer in answers}) == 3


def test_the_thread_ends_with_the_application(path):
    before = set(threading.enumerate())
    app = create_app(path, reload=0.01)
    get(app, "/v2")
    (thread,) = [
        thread for thread in set(threading.enumerate()) - before if thread.name == "compiled_nn-reload"
    ]
    app.state.store.close()
    thread.join(WAIT)
    assert not thread.is_alive()
