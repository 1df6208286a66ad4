"""Batches of concurrent requests: rows that arrive while a model computes are answered by one call.

A lone request is computed at once. A call that takes longer than `INLINE` seconds, by the time of the first calls, is
made in a thread, so that the event loop is not blocked; rows that arrive meanwhile wait for its end, and are then
computed together. Shorter calls are made in the event loop, because a thread would add 50 microseconds, and more
under load; other requests wait for half a millisecond at most. Requests that are read in the same round of the loop as
a computed one are computed together at the start of the next round. The core computes each row in the same way whatever
the other rows are, so that answers are the same bits in every batch.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from .answers import Answers
from .request_errors import RequestError

if TYPE_CHECKING:
    from ..data.arrays import Array

INLINE = 5e-4  # seconds that the event loop may be blocked by one call
_SEVERAL = 64  # rows of the call that is timed, besides that of one row
_REPEATS = 3

Outcome: TypeAlias = Answers | Exception
Loop: TypeAlias = asyncio.AbstractEventLoop


class Waiting(NamedTuple):
    """Rows that wait for the next call.

    Attributes
    ----------
    rows : ndarray (m, n)
    answered : asyncio.Future
        Receiver of their answers.
    """

    rows: Array
    answered: asyncio.Future[Answers]


class Batcher:
    """Calls of one model.

    Parameters
    ----------
    compute : callable
        Function from encoded rows (m, n) to answers; a ValueError means that it cannot be computed for some row.
    executor : concurrent.futures.Executor
        Threads of longer calls.
    batching : bool
        Whether rows of several requests are computed together.
    most : int
        Number of rows of one call, at most, unless a request has more.
    waiting : int
        Number of rows that may wait; further ones are refused.
    seconds : float
        Time that a request may wait.
    observe : callable
        Function that is called with the number of rows of each call.
    """

    def __init__(
        self,
        compute: Callable[[Array], Answers],
        executor: Executor,
        *,
        batching: bool,
        most: int,
        waiting: int,
        seconds: float,
        observe: Callable[[int], Any],
    ) -> None:
        self._compute, self.executor, self._observe = compute, executor, observe
        self._batching, self.most, self.waiting, self.seconds = batching, most, waiting, seconds
        self._queues: WeakKeyDictionary[Loop, Queue] = WeakKeyDictionary()
        self._fixed = self._per_row = 0.0  # seconds of a call, and of each row

    def measure(self, row: Array) -> None:
        """Measure the time of calls with copies of one encoded row (1, n)."""
        try:
            one, several = (
                min(self._timed(np.repeat(row, m, axis=0)) for _ in range(_REPEATS)) for m in (1, _SEVERAL)
            )
        except ValueError:  # the model has no finite answer for this row
            self._fixed = math.inf
            return
        self._per_row = max(several - one, 0.0) / (_SEVERAL - 1)
        self._fixed = one - self._per_row

    def _timed(self, rows: Array) -> float:
        start = time.perf_counter()
        self._compute(rows)
        return time.perf_counter() - start

    def is_short(self, m: int) -> bool:
        """Return whether a call with m rows is made in the event loop."""
        return self._fixed + m * self._per_row <= INLINE

    async def answer(self, rows: Array) -> Answers:
        """Return the answers for encoded rows (m, n).

        Raises
        ------
        RequestError
            If too many rows wait, or the answer takes too long.
        ValueError
            If the answer of a row cannot be computed.
        """
        loop = asyncio.get_running_loop()
        if not self._batching:
            if self.is_short(len(rows)):
                return self.call(rows)
            async with _Limit(self.seconds):
                return await loop.run_in_executor(self.executor, self.call, rows)
        queue = self._queues.get(loop)
        if queue is None:
            queue = self._queues.setdefault(loop, Queue(self))
        return await queue.answer(loop, rows)

    def call(self, rows: Array) -> Answers:
        """Return the answers for rows that are computed together."""
        self._observe(len(rows))
        return self._compute(rows)

    def outcomes(self, batch: list[Waiting]) -> list[Outcome]:
        """Return the answers for each request, or its error; a bad row spoils no answer but its own."""
        together = [waiting.rows for waiting in batch]
        if len(batch) == 1:
            return [self._outcome(together[0])]
        try:
            answers = self.call(np.concatenate(together))
        except ValueError:
            return [self._outcome(rows) for rows in together]
        except Exception as error:  # goes to the requests that wait
            return [error] * len(batch)
        ends = np.cumsum([len(rows) for rows in together]).tolist()
        return [answers.part(end - len(rows), end) for rows, end in zip(together, ends, strict=True)]

    def _outcome(self, rows: Array) -> Outcome:
        try:
            return self.call(rows)
        except Exception as error:  # goes to the request that waits
            return error


class Queue:
    """Requests of one event loop that wait for a call. An application may be run by several loops, one after another.

    Parameters
    ----------
    batcher : Batcher
        Calls of the model.
    """

    def __init__(self, batcher: Batcher) -> None:
        self._batcher = batcher
        self._pending: list[Waiting] = []
        self._n_pending = 0
        self._in_thread = self._in_round = False

    async def answer(self, loop: Loop, rows: Array) -> Answers:
        """Return the answers for encoded rows (m, n); documented in :meth:`Batcher.answer`."""
        batcher, m = self._batcher, len(rows)
        is_free = not (self._in_thread or self._in_round)
        if is_free and batcher.is_short(m):
            self._begin_round(loop)
            return batcher.call(rows)
        if not is_free and self._n_pending + m > batcher.waiting:
            message = (
                f"{self._n_pending:,} rows wait already. Try again later, or send fewer requests at once."
            )
            raise RequestError(503, message)
        waiting = Waiting(rows, loop.create_future())
        self._pending.append(waiting)
        self._n_pending += m
        if is_free:
            self._flush(loop)
        async with _Limit(batcher.seconds):
            return await waiting.answered

    def _begin_round(self, loop: Loop) -> None:
        """Note that a call was made in this round of the event loop: what comes now waits for the next round."""
        self._in_round = True
        loop.call_soon(self._end_round, loop)

    def _end_round(self, loop: Loop) -> None:
        self._in_round = False
        if self._pending and not self._in_thread:
            self._flush(loop)

    def _flush(self, loop: Loop) -> None:
        """Compute the rows that wait, here or in a thread."""
        batch, batcher = self._taken(), self._batcher
        if not batch:
            return
        if batcher.is_short(sum(len(waiting.rows) for waiting in batch)):
            self._begin_round(loop)
            _deliver(batch, batcher.outcomes(batch))
            return
        self._in_thread = True
        done = loop.run_in_executor(batcher.executor, batcher.outcomes, batch)
        done.add_done_callback(lambda done: self._finish(loop, batch, done))

    def _taken(self) -> list[Waiting]:
        """Return the first requests that wait and are not cancelled, up to the number of rows of a call."""
        batch: list[Waiting] = []
        m = used = 0
        for waiting in self._pending:
            size = len(waiting.rows)
            if batch and m + size > self._batcher.most:
                break
            used += 1
            self._n_pending -= size
            if not waiting.answered.done():
                batch.append(waiting)
                m += size
        del self._pending[:used]
        return batch

    def _finish(self, loop: Loop, batch: list[Waiting], done: asyncio.Future[list[Outcome]]) -> None:
        """Deliver what a thread has computed, and compute the rows that have arrived meanwhile."""
        self._in_thread = False
        if done.cancelled():  # the loop ends
            return
        _deliver(batch, done.result())
        if self._pending:
            self._flush(loop)


def _deliver(batch: list[Waiting], outcomes: list[Outcome]) -> None:
    """Give each request its answers or its error, unless it was cancelled."""
    for waiting, outcome in zip(batch, outcomes, strict=True):
        if waiting.answered.done():
            continue
        if isinstance(outcome, Exception):
            waiting.answered.set_exception(outcome)
        else:
            waiting.answered.set_result(outcome)


class _Limit:
    """Limit of the time that a request waits; a RequestError after it."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._timeout = seconds, asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        try:
            await self._timeout.__aexit__(*error)
        except TimeoutError:
            raise RequestError(
                503, f"The model has not answered within {self._seconds:g} s. Try again later."
            ) from None
