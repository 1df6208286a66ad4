"""Endpoints: from a request to an answer, with the metrics and the errors of both protocols.

They are applications of ASGI: an object for a request and one for an answer would take as long as a small network.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from .._version import __version__
from . import documents, plain, protocol
from .monitoring import Monitoring
from .request_errors import RequestError
from .store import Slot, Store

LOG = logging.getLogger("compiled_nn.serving")
# Bytes of a body that is read in the event loop; larger ones are read and answered in a thread.
_SMALL = 1 << 16
_JSON = b"application/json"
_CHECK = b'"check"'  # a body with this text is answered in a thread, because a check may take milliseconds

Found = tuple[int, Any, str, int]  # status, document, name of the model for the metrics, number of rows


class Request(NamedTuple):
    """Request of ASGI.

    Attributes
    ----------
    scope : dict
    receive : callable
        Function that waits for a message of the request.
    path : dict of str to str
        Values of the parameters in the path.
    """

    scope: dict[str, Any]
    receive: Any
    path: dict[str, str]


class Endpoint:
    """Endpoint of a route: its answer or error as JSON, counted.

    Parameters
    ----------
    route : str
        Route, for the metrics.
    handle : callable
        Method of :class:`Endpoints`.
    store : Store
        Models of the service.
    monitoring : Monitoring
        Metrics of the service.
    """

    def __init__(
        self, route: str, handle: Callable[[Request], Awaitable[Found]], store: Store, monitoring: Monitoring
    ) -> None:
        self._route, self._handle, self._store, self._monitoring = route, handle, store, monitoring
        self.__name__ = handle.__name__  # of the route, for Starlette

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer a request of ASGI."""
        start, model, rows, store = time.perf_counter(), "", 0, self._store
        store.watch()
        path = scope.get("path_params") or {}
        try:
            status, document, model, rows = await self._handle(Request(scope, receive, path))
            body = documents.written(document)
        except RequestError as error:
            status, body = error.status, documents.written(error.document)
            name = path.get("model", "")
            model = name if name in store.slots else ""
        except Exception:
            LOG.exception("%s cannot be answered", self._route)
            status, body = 500, documents.written({"error": "The request failed. The log has the reason."})
        self._monitoring.observe(self._route, model, status, time.perf_counter() - start, rows)
        await send_answer(send, status, _JSON, body)


class MetricsEndpoint:
    """Endpoint of the metrics, which has the text format of Prometheus."""

    __name__ = "metrics"

    def __init__(self, store: Store, monitoring: Monitoring) -> None:
        self._store, self._monitoring = store, monitoring

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer a request of ASGI."""
        self._store.watch()
        body, media_type = self._monitoring.page()
        await send_answer(send, 200, media_type.encode(), body)


async def send_answer(send: Any, status: int, media_type: bytes, body: bytes) -> None:
    """Send an answer of ASGI."""
    headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Endpoints:
    """Endpoints of a service.

    Parameters
    ----------
    store : Store
        Models of the service.
    monitoring : Monitoring
        Metrics of the service.
    """

    def __init__(self, store: Store, monitoring: Monitoring) -> None:
        self.store, self.monitoring = store, monitoring

    # ---- answers of models

    async def predict(self, request: Request) -> Found:
        """Answer rows as objects."""
        return await self._answer(request, plain.Objects)

    async def infer(self, request: Request) -> Found:
        """Answer tensors."""
        if any(name == b"inference-header-content-length" for name, _ in request.scope["headers"]):
            raise RequestError(400, "The service takes no binary tensors. Send the data as JSON.")
        return await self._answer(request, protocol.Tensors)

    async def _answer(self, request: Request, question_type: Any) -> Found:
        store = self.store
        slot, model = store.model(request.path["model"], request.path.get("version"))
        settings = store.settings
        body = await documents.body_of(request.scope, request.receive, settings.max_bytes, settings.timeout)
        if len(body) > _SMALL or _CHECK in body:
            document, rows = await self._in_thread(body, slot, model, question_type)
        else:
            question = question_type(documents.parsed(body), slot, model, settings)
            rows = len(question.rows)
            try:
                if question.margin is None:
                    answers = await model.batcher.answer(question.rows)
                else:
                    answers = model.answers(question.rows, question.margin)
            except ValueError as error:
                raise plain.status_of(error) from None
            document = question.answer(answers)
        return 200, document, slot.name, rows

    async def _in_thread(self, body: bytes, slot: Slot, model: Any, question_type: Any) -> tuple[Any, int]:
        """Return the answer to a large body and its number of rows, without blocking the event loop."""
        settings = self.store.settings

        def answer() -> tuple[Any, int]:
            question = question_type(documents.parsed(body), slot, model, settings)
            try:
                answers = model.answers(question.rows, question.margin)
            except ValueError as error:
                raise plain.status_of(error) from None
            return question.answer(answers), len(question.rows)

        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(settings.timeout):
                return await loop.run_in_executor(self.store.executor, answer)
        except TimeoutError:
            raise RequestError(
                503,
                f"The model has not answered within {settings.timeout:g} s. Send fewer rows in one request.",
            ) from None

    # ---- about models and the service

    async def models(self, request: Request) -> Found:
        """List the models."""
        listed = [
            {
                "model": slot.name,
                "version": slot.version,
                "ready": slot.current is not None,
                "error": slot.error,
            }
            for slot in self.store.all()
        ]
        return 200, {"models": listed}, "", 0

    async def model(self, request: Request) -> Found:
        """Describe a model."""
        slot, model = self.store.model(request.path["model"], request.path.get("version"))
        return 200, plain.description(slot, model), slot.name, 0

    async def server_metadata(self, request: Request) -> Found:
        """Describe the service in the words of the protocol."""
        return 200, {"name": "compiled_nn", "version": __version__, "extensions": []}, "", 0

    async def live(self, request: Request) -> Found:
        """Answer that the process answers."""
        return 200, {"live": True}, "", 0

    async def ready(self, request: Request) -> Found:
        """Answer whether all models can answer."""
        ready = self.store.is_ready()
        errors = {f"{slot.name}/{slot.version}": slot.error for slot in self.store.all() if slot.error}
        return 200 if ready else 503, {"ready": ready} | ({"errors": errors} if errors else {}), "", 0

    async def model_metadata(self, request: Request) -> Found:
        """Describe a model in the words of the protocol."""
        name = request.path["model"]
        slot, model = self.store.model(name, request.path.get("version"))
        return 200, protocol.metadata(slot, model, list(self.store.slots[name])), slot.name, 0

    async def model_ready(self, request: Request) -> Found:
        """Answer whether a model can answer."""
        slot = self.store.slot(request.path["model"], request.path.get("version"))
        ready = slot.current is not None and not self.store.closing
        found = {"name": slot.name, "ready": ready} | ({"error": slot.error} if slot.error else {})
        return 200 if ready else 503, found, slot.name, 0
