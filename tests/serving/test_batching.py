"""Concurrent single rows: the same bits as one batch, a bad row fails alone, order, limits and cancellation."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import compiled_nn as cnn
import numpy as np
import pytest
from services import post, request, together

pytest.importorskip("fastapi", reason="FastAPI is not installed")
pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")

from compiled_nn.serving import batching, create_app
from compiled_nn.serving.answers import Answers
from compiled_nn.serving.request_errors import RequestError

PATH = "/models/model/predict"


@pytest.fixture(scope="module")
def net():
    X = np.random.default_rng(0).normal(size=(60, 4))
    net = cnn.Network([cnn.Dense(32, "gelu"), cnn.Dense(32, "relu"), cnn.Dense(3)], seed=0)
    return net.fit(X, np.arange(60) % 3, epochs=2)


def batcher(compute, **options):
    """A batcher whose calls count as long, so that they are made in a thread; `calls` are their numbers of rows."""
    calls = []
    settings = {"batching": True, "most": 100, "waiting": 1000, "seconds": 10.0, **options}
    made = batching.Batcher(compute, ThreadPoolExecutor(2), observe=calls.append, **settings)
    made._fixed = 1.0
    return made, calls


def doubled(rows):
    if (rows < 0).any():
        raise ValueError("negative")
    return Answers(value=2 * rows)


def slowly(rows):
    time.sleep(0.02)
    return doubled(rows)


@pytest.mark.parametrize("inline", [1.0, 0.0])
@pytest.mark.parametrize("is_batching", [True, False])
def test_concurrent_singles_are_a_batch_to_the_bit(net, monkeypatch, inline, is_batching):
    """Both for calls in the event loop and for calls in a thread."""
    monkeypatch.setattr(batching, "INLINE", inline)
    X = np.random.default_rng(1).normal(size=(1000, 4))
    app = create_app(net, batching=is_batching)
    answers = together(app, PATH, [{"rows": [row]} for row in X.tolist()])
    found = [list(answer.json["predictions"][0]["probabilities"].values()) for answer in answers]
    assert found == net.predict_proba(X).tolist()
    assert [answer.json["predictions"][0]["label"] for answer in answers] == net.predict(X).tolist()


def test_calls_are_shared(net, monkeypatch):
    """1000 requests at the same time need far fewer calls, in the event loop and in a thread."""
    X = np.random.default_rng(1).normal(size=(1000, 4)).tolist()
    for inline in (1.0, 0.0):
        monkeypatch.setattr(batching, "INLINE", inline)
        app = create_app(net)
        calls, model = [], app.state.store.slot("model").current
        monkeypatch.setattr(model.batcher, "_observe", calls.append)
        together(app, PATH, [{"rows": [row]} for row in X])
        assert sum(calls) == 1000
        assert len(calls) < 50


def test_a_lone_request_is_computed_at_once():
    """Without a round of the event loop: nothing that was scheduled before has run when the answer is there."""
    made, calls = batcher(doubled)
    made._fixed = 0.0

    async def run():
        later = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(later.set_result, None)
        answer = await made.answer(np.ones((1, 1)))
        return later.done(), answer

    others_ran, answer = asyncio.run(run())
    assert (others_ran, answer.value.tolist(), calls) == (False, [[2.0]], [1])


def test_rows_that_arrive_during_a_call_are_answered_by_one_call():
    made, calls = batcher(slowly)

    async def run():
        return await asyncio.gather(*(made.answer(np.full((i % 3 + 1, 1), float(i))) for i in range(20)))

    answers = asyncio.run(run())
    assert [answer.value.tolist() for answer in answers] == [[[2.0 * i]] * (i % 3 + 1) for i in range(20)]
    assert calls == [1, 38]


def test_calls_are_bounded():
    made, calls = batcher(slowly, most=4)

    async def run():
        await asyncio.gather(*(made.answer(np.ones((2, 1))) for _ in range(9)))
        await made.answer(np.ones((7, 1)))

    asyncio.run(run())
    assert calls == [2, 4, 4, 4, 4, 7]


@pytest.mark.parametrize("fixed", [0.0, 1.0])
def test_a_bad_row_fails_alone(fixed):
    made, _ = batcher(slowly if fixed else doubled)
    made._fixed = fixed

    async def run():
        rows = [np.full((1, 1), -1.0 if i % 4 == 2 else float(i)) for i in range(12)]
        return await asyncio.gather(*map(made.answer, rows), return_exceptions=True)

    for i, outcome in enumerate(asyncio.run(run())):
        if i % 4 == 2:
            assert isinstance(outcome, ValueError)
        else:
            assert outcome.value.tolist() == [[2.0 * i]]


def test_an_error_of_the_program_reaches_every_request():
    def broken(rows):
        raise ZeroDivisionError

    made, _ = batcher(broken)

    async def run():
        return await asyncio.gather(*(made.answer(np.ones((1, 1))) for _ in range(3)), return_exceptions=True)

    assert [type(outcome) for outcome in asyncio.run(run())] == [ZeroDivisionError] * 3


def test_cancelled_requests_are_left_out():
    made, calls = batcher(slowly)

    async def run():
        first = asyncio.create_task(made.answer(np.ones((1, 1))))
        await asyncio.sleep(0)
        others = [asyncio.create_task(made.answer(np.full((1, 1), float(i)))) for i in range(5)]
        await asyncio.sleep(0)
        others[1].cancel()
        first.cancel()
        done = await asyncio.gather(first, *others, return_exceptions=True)
        return [type(each) if isinstance(each, BaseException) else each.value.item() for each in done]

    cancelled = asyncio.CancelledError
    assert asyncio.run(run()) == [cancelled, 0.0, cancelled, 4.0, 6.0, 8.0]
    assert calls == [1, 4]


def test_limits():
    """Rows that wait are bounded in number and time, and the batcher goes on afterwards."""
    hold = threading.Event()

    def held(rows):
        hold.wait(10)
        return doubled(rows)

    made, _ = batcher(held, waiting=3, seconds=0.1)

    async def run():
        first = asyncio.create_task(made.answer(np.ones((1, 1))))
        await asyncio.sleep(0)
        others = [asyncio.create_task(made.answer(np.ones((2, 1)))) for _ in range(2)]
        outcomes = await asyncio.gather(first, *others, return_exceptions=True)
        hold.set()
        return outcomes, await made.answer(np.ones((1, 1)))

    outcomes, after = asyncio.run(run())
    assert all(isinstance(outcome, RequestError) and outcome.status == 503 for outcome in outcomes)
    assert "not answered within 0.1 s" in str(outcomes[0])
    assert "2 rows wait already" in str(outcomes[2])
    assert after.value.item() == 2.0


def test_an_event_loop_that_ends_during_a_call():
    """The next event loop does not wait for the call of the one before."""
    hold = threading.Event()

    def held(rows):
        hold.wait(10)
        return doubled(rows)

    made, _ = batcher(held)

    async def leave():
        task = asyncio.create_task(made.answer(np.ones((1, 1))))
        await asyncio.sleep(0)
        task.cancel()

    async def ask():
        return await made.answer(np.ones((1, 1)))

    asyncio.run(leave())
    hold.set()
    assert asyncio.run(ask()).value.item() == 2.0


def test_bad_rows_among_concurrent_requests(net):
    X = np.random.default_rng(2).normal(size=(100, 4))
    documents = [{"rows": [row]} for row in X.tolist()]
    documents[7] = {"rows": [[1, 2, 3, None]]}
    answers = together(create_app(net), PATH, documents)
    assert [i for i, answer in enumerate(answers) if answer.status != 200] == [7]


def test_the_event_loop_goes_on_during_a_large_request(net):
    """A health check is answered while a large body is read and computed in a thread."""
    app = create_app(net, max_rows=100_000)
    document = {"rows": np.zeros((30_000, 4)).tolist()}

    async def run():
        large = asyncio.create_task(request(app, "POST", PATH, document))
        await asyncio.sleep(0)
        live = 0
        while not large.done():
            assert (await request(app, "GET", "/v2/health/live")).status == 200
            live += 1
            await asyncio.sleep(0.001)
        return live, await large

    live, answer = asyncio.run(run())
    assert answer.status == 200
    assert live > 5


def test_one_row_is_the_same_alone(net):
    row = [0.1, -2.0, 3.5, 0.25]
    found = post(create_app(net), PATH, {"rows": [row]}).json["predictions"][0]
    assert list(found["probabilities"].values()) == net.predict_proba(np.array([row]))[0].tolist()
