"""Requests to an application of the service, in the same process and without a library of HTTP."""

import asyncio
import json
from types import SimpleNamespace

import compiled_nn as cnn
import numpy as np


async def request(app, method, path, document=None, *, body=None, headers=(), root="", parts=1, query=""):
    """Send a request to an ASGI application; `parts`: number of messages of the body."""
    body = body if body is not None else b"" if document is None else json.dumps(document).encode()
    size = -(-len(body) // parts) or 1
    messages = [
        {"type": "http.request", "body": body[i : i + size], "more_body": i + size < len(body)}
        for i in range(0, max(len(body), 1), size)
    ]

    async def receive():
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    sent = await answered(app, method, root + path, receive, query=query, headers=headers)
    content = b"".join(message.get("body", b"") for message in sent)
    head = dict(sent[0]["headers"])
    is_json = head.get(b"content-type") == b"application/json"
    return SimpleNamespace(
        status=sent[0]["status"],
        text=content.decode(),
        json=json.loads(content, parse_constant=_refuse) if is_json else None,
        headers=head,
    )


async def answered(app, method, path, receive, *, query="", headers=()):
    """Send a request whose messages `receive` returns, and return the messages of the answer."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"test"), *headers],
        "server": ("test", 80),
        "client": ("test", 1),
    }
    await app(scope, receive, send)
    return sent


def saved_networks(folder, n, row):
    """Save n networks of three columns; return for each its file, and what it predicts for a row."""
    X, found = np.random.default_rng(0).normal(size=(40, 3)), []
    for seed in range(n):
        net = cnn.Network([cnn.Dense(1)], loss="mse", seed=seed).fit(X, X[:, seed], epochs=1)
        net.save(folder / f"net{seed}.safetensors")
        found.append((folder / f"net{seed}.safetensors", net.predict(np.array([row]))[0]))
    return found


def _refuse(name):
    raise AssertionError(f"{name} is not JSON")


def get(app, path, **options):
    return asyncio.run(request(app, "GET", path, **options))


def post(app, path, document=None, **options):
    return asyncio.run(request(app, "POST", path, document, **options))


def together(app, path, documents, root=""):
    """Send all documents at the same time, and return the answers in their order."""

    async def run():
        return await asyncio.gather(*(request(app, "POST", path, each, root=root) for each in documents))

    return asyncio.run(run())
