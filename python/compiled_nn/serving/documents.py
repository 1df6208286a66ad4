"""Bodies of requests and answers: JSON, bounded in size, without numbers that JSON does not have."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import Any

from ..common import optional
from .request_errors import RequestError

_SHOWN = 60  # characters of an unknown name in an error
_NO_JSON = (b"NaN", b"Infinity")


@cache
def _fast_json() -> Any:
    """Return the JSON reader and writer that FastAPI brings along, several times as fast as the standard one."""
    return optional.load("pydantic_core", purpose="a service", library="fastapi", extra="serve")


async def body_of(scope: Any, receive: Any, most: int, seconds: float) -> bytes:
    """Return the body of a request of ASGI.

    Raises
    ------
    RequestError
        If it has more than `most` bytes, or does not arrive in time.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and (len(value) > 19 or int(value) > most):
            raise _too_large(most)
    task, late = asyncio.current_task(), False

    def expire() -> None:
        nonlocal late
        late = True
        assert task is not None
        task.cancel()

    timer = asyncio.get_running_loop().call_later(seconds, expire)
    try:
        return await _received(receive, most)
    except asyncio.CancelledError:
        if not late or (task is not None and task.uncancel()):
            raise
        message = f"The body of the request did not arrive within {seconds:g} s. Send it again."
        raise RequestError(408, message) from None
    finally:
        timer.cancel()


async def _received(receive: Any, most: int) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError(400, "The connection was closed before the whole request had arrived.")
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > most:
            raise _too_large(most)
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(most: int) -> RequestError:
    return RequestError(
        413, f"The body of the request has more than {most:,} bytes. Send fewer rows in one request."
    )


def parsed(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body.

    Raises
    ------
    RequestError
        If the body is not a JSON object.
    """
    try:
        document = _fast_json().from_json(body, allow_inf_nan=False)
    except ValueError as error:
        hint = (
            " A missing value is null; NaN and Infinity are not JSON."
            if any(map(body.count, _NO_JSON))
            else ""
        )
        raise RequestError(400, f"The body of the request is not JSON: {error}.{hint}") from None
    if not isinstance(document, dict):
        raise RequestError(400, f"The body of the request is {kind_of(document)}; expected a JSON object.")
    return document


def kind_of(value: Any) -> str:
    """Return a description of a value of JSON, for errors."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text {shown(value)}"
    if isinstance(value, (int, float)):
        return f"the number {value!r}" if abs(value) < 1e300 else "a very large number"
    return "a list" if isinstance(value, list) else "an object"


def shown(text: str) -> str:
    """Return a text in quotes, at most its first characters."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def written(document: Any) -> bytes:
    """Return a document as JSON; a number that JSON does not have becomes null."""
    try:
        found: bytes = _fast_json().to_json(document, inf_nan_mode="null")
    except ValueError:  # a name that UTF-8 cannot encode
        found = json.dumps(document, allow_nan=False).encode()
    return found
