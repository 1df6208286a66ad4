"""Bodies of requests and answers: JSON, bounded in size, without numbers that JSON does not have."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NoReturn

from .request_errors import RequestError

_SHOWN = 60  # characters of an unknown name in an error


async def body_of(request: Any, most: int, seconds: float) -> bytes:
    """Return the body of a request.

    Raises
    ------
    RequestError
        If it has more than `most` bytes, or does not arrive in time.
    """
    stated = request.headers.get("content-length", "0")
    if stated.isdecimal() and len(stated) < 20 and int(stated) > most:
        raise _too_large(most)
    try:
        async with asyncio.timeout(seconds):
            return await _received(request.receive, most)
    except TimeoutError:
        raise RequestError(
            408, f"The body of the request did not arrive within {seconds:g} s. Send it again."
        ) from None


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
        document = json.loads(body, parse_constant=_refuse)
    except (
        ValueError,
        RecursionError,
    ) as error:  # bytes that are not UTF-8, and integers that are too long, too
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise RequestError(400, f"The body of the request is not JSON: {reason}.") from None
    if not isinstance(document, dict):
        raise RequestError(400, f"The body of the request is {kind_of(document)}; expected a JSON object.")
    return document


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON; a missing value is null")


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
    """Return a document as JSON; it has finite numbers only."""
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
