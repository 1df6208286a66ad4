"""Load of a service over HTTP: as many connections as stated, each of which sends its next request after an answer.

A separate program, so that it does not share an interpreter with what it measures: it reads one JSON object from
stdin, and prints the result as JSON. Requests are written and answers are read as bytes, without a library of HTTP, so
that it can send several times as many requests as a service in Python answers; ``serving.py`` measures how many.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


class Load:
    """Requests that are left to send, and what was measured."""

    def __init__(
        self, requests: list[bytes], expected: list[str], key: str, count: int, seconds: float
    ) -> None:
        self.requests, self.expected, self.key = requests, expected, key
        self.left, self.sent, self.end = count, 0, time.perf_counter() + seconds
        self.times: list[float] = []
        self.errors: dict[str, int] = {}
        self.checked = 0

    def next(self) -> int | None:
        """Return the number of the next request; None at the end."""
        if self.left <= 0 or time.perf_counter() >= self.end:
            return None
        self.left -= 1
        self.sent += 1
        return self.sent % len(self.requests)

    def fail(self, what: str) -> None:
        """Count an error."""
        self.errors[what] = self.errors.get(what, 0) + 1

    def check(self, which: int, body: bytes) -> None:
        """Compare the label in an answer; one of 16 answers is read."""
        if not self.expected[which]:
            return
        self.checked += 1
        if f'"{self.key}":{self.expected[which]}'.encode() not in body.replace(b" ", b""):
            self.fail("wrong answer")


class Connection(asyncio.Protocol):
    """One connection, with one request on its way."""

    def __init__(self, load: Load, done: asyncio.Future[None]) -> None:
        self.load, self.done = load, done
        self.buffer = b""
        self.which = 0
        self.start = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self.transport = transport
        self.send()

    def send(self) -> None:
        """Send the next request, or close the connection."""
        which = self.load.next()
        if which is None:
            self.finish()
            return
        self.which, self.start = which, time.perf_counter()
        self.transport.write(self.load.requests[which])  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Read an answer."""
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = LENGTH.search(self.buffer, 0, head)
        if length is None:
            self.load.fail("an answer without a length")
            self.finish()
            return
        end = head + 4 + int(length[1])
        if len(self.buffer) < end:
            return
        self.load.times.append(time.perf_counter() - self.start)
        if not self.buffer.startswith(b"HTTP/1.1 200"):
            self.load.fail(self.buffer[9:12].decode("latin-1"))
        elif len(self.load.times) % 16 == 0:
            self.load.check(self.which, self.buffer[head:end])
        self.buffer = self.buffer[end:]
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        """Count a connection that the service has closed."""
        if not self.done.done():
            self.load.fail("closed")
            self.done.set_result(None)

    def finish(self) -> None:
        """End this connection."""
        if not self.done.done():
            self.done.set_result(None)
        self.transport.close()


async def run(port: int, connections: int, load: Load) -> float:
    """Send requests over all connections until the load ends; return the seconds that it took."""
    loop, start = asyncio.get_running_loop(), time.perf_counter()
    dones = []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda done=done: Connection(load, done), "127.0.0.1", port)
        dones.append(done)
    _, late = await asyncio.wait(dones, timeout=load.end - time.perf_counter() + 30)
    for _ in late:
        load.fail("no answer within 30 s")
    return time.perf_counter() - start


def main() -> None:
    """Run the load that stdin describes."""
    task = json.loads(sys.stdin.readline())
    if task.get("cpus"):
        os.sched_setaffinity(0, task["cpus"])
    requests = [
        (
            f"POST {task['path']} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        for body in task["bodies"]
    ]
    results = []
    for seconds, count in ((task["warm_up"], task["count"]), (task["seconds"], task["count"])):
        load = Load(requests, task["expected"], task["key"], count, seconds)
        taken = asyncio.run(run(task["port"], task["connections"], load))
        results.append((load, taken))
    load, taken = results[-1]
    times = sorted(load.times)
    at = [times[min(len(times) - 1, int(share * len(times)))] if times else None for share in (0.5, 0.99)]
    found = {"requests": len(times), "per_second": len(times) / taken, "p50": at[0], "p99": at[1]}
    print(json.dumps(found | {"errors": load.errors, "checked": load.checked}))


if __name__ == "__main__":
    main()
