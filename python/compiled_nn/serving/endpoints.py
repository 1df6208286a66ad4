"""Endpoints: from a request of Starlette to an answer, with the metrics and the errors of both protocols."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from .._version import __version__
from . import documents, plain, protocol
from .monitoring import Monitoring
from .request_errors import RequestError
from .store import Slot, Store

LOG = logging.getLogger("compiled_nn.serving")
_SMALL = (
    1 << 16
)  # bytes of a body that is read in the event loop; larger ones are read and answered in a thread
_JSON = "application/json"

Endpoint = Callable[[Any], Awaitable[Any]]
Found = tuple[int, Any, str, int]  # status, document, name of the model for the metrics, number of rows


class Endpoints:
    """Endpoints of a service.

    Parameters
    ----------
    store : Store
        Models of the service.
    monitoring : Monitoring
        Metrics of the service.
    response : type
        ``starlette.responses.Response``.
    """

    def __init__(self, store: Store, monitoring: Monitoring, response: Any) -> None:
        self.store, self._monitoring, self._response = store, monitoring, response

    def observed(self, route: str, handle: Callable[[Any], Awaitable[Found]]) -> Endpoint:
        """Return the endpoint of a route: its answer or error as JSON, counted."""

        async def endpoint(request: Any) -> Any:
            start, model, rows = time.perf_counter(), "", 0
            self.store.watch()
            try:
                status, document, model, rows = await handle(request)
                body = documents.written(document)
            except RequestError as error:
                status, body = error.status, documents.written(error.document)
                name = request.path_params.get("model", "")
                model = name if name in self.store.slots else ""
            except Exception:
                LOG.exception("%s cannot be answered", route)
                status, body = (
                    500,
                    documents.written({"error": "The request failed. The log has the reason."}),
                )
            self._monitoring.observe(route, model, status, time.perf_counter() - start, rows)
            return self._response(body, status_code=status, media_type=_JSON)

        return endpoint

    # ---- answers of models

    async def predict(self, request: Any) -> Found:
        """Answer rows as objects."""
        return await self._answer(request, plain.Question)

    async def infer(self, request: Any) -> Found:
        """Answer tensors."""
        if "inference-header-content-length" in request.headers:
            raise RequestError(400, "The service takes no binary tensors. Send the data as JSON.")
        return await self._answer(request, protocol.Question)

    async def _answer(self, request: Any, question_type: Any) -> Found:
        store = self.store
        slot, model = store.model(request.path_params["model"], request.path_params.get("version"))
        settings = store.settings
        body = await documents.body_of(request, settings.max_bytes, settings.timeout)
        if len(body) > _SMALL:
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

    async def models(self, request: Any) -> Found:
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

    async def model(self, request: Any) -> Found:
        """Describe a model."""
        slot, model = self.store.model(request.path_params["model"], request.path_params.get("version"))
        return 200, plain.description(slot, model), slot.name, 0

    async def server_metadata(self, request: Any) -> Found:
        """Describe the service in the words of the protocol."""
        return 200, {"name": "compiled_nn", "version": __version__, "extensions": []}, "", 0

    async def live(self, request: Any) -> Found:
        """Answer that the process answers."""
        return 200, {"live": True}, "", 0

    async def ready(self, request: Any) -> Found:
        """Answer whether all models can answer."""
        ready = self.store.is_ready()
        errors = {f"{slot.name}/{slot.version}": slot.error for slot in self.store.all() if slot.error}
        return 200 if ready else 503, {"ready": ready} | ({"errors": errors} if errors else {}), "", 0

    async def model_metadata(self, request: Any) -> Found:
        """Describe a model in the words of the protocol."""
        name = request.path_params["model"]
        slot, model = self.store.model(name, request.path_params.get("version"))
        return 200, protocol.metadata(slot, model, list(self.store.slots[name])), slot.name, 0

    async def model_ready(self, request: Any) -> Found:
        """Answer whether a model can answer."""
        slot = self.store.slot(request.path_params["model"], request.path_params.get("version"))
        ready = slot.current is not None and not self.store.closing
        found = {"name": slot.name, "ready": ready} | ({"error": slot.error} if slot.error else {})
        return 200 if ready else 503, found, slot.name, 0

    async def metrics(self, request: Any) -> Any:
        """Return the metrics."""
        self.store.watch()
        body, media_type = self._monitoring.page()
        return self._response(body, headers={"content-type": media_type})
