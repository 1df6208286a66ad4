"""The application and its routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..common import optional
from . import docs_page, markup, openapi, page
from .documents import written
from .endpoints import Endpoint, Endpoints, MetricsEndpoint
from .monitoring import Monitoring
from .request_errors import RequestError
from .settings import Settings
from .store import Store

if TYPE_CHECKING:
    import os

    Model = Any
    Models = str | os.PathLike[str] | Model | Mapping[str, Any]

_PLAIN = "/models/{model}"
_V2 = "/v2/models/{model}"


def create_router(models: Models, **settings: Any) -> Any:
    """Return the routes of a service, to be included in an application of FastAPI.

    Parameters
    ----------
    models, **settings
        As for :func:`create_app`.

    Returns
    -------
    fastapi.APIRouter
        Routes without ``/``, ``/docs`` and ``/openapi.json``. ``router.store`` has the models; the thread that loads
        changed files starts with the first request, and ``router.store.close()`` ends it.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.serving import create_router
    >>> net = cnn.Network([cnn.Dense(3)], seed=0).fit([[0.0], [1.0], [2.0]], [0, 1, 2], epochs=1)
    >>> router = create_router({"steps": net})  # app.include_router(router, prefix="/nets")
    >>> "/models/{model}/predict" in [route.path for route in router.routes]
    True
    """
    router = _fastapi("fastapi").APIRouter()
    router.store = _add_routes(router, models, settings)
    return router


def _add_routes(router: Any, models: Models, settings: dict[str, Any]) -> Store:
    """Add the routes of a service to a router, the most frequent first, and return the models."""
    monitoring = Monitoring()
    store = Store(models, Settings(**settings), monitoring)
    monitoring.watch(store.all)
    endpoints = Endpoints(store, monitoring)
    routes: list[tuple[str, str, Any]] = [
        ("POST", f"{_PLAIN}/predict", endpoints.predict),
        ("POST", f"{_V2}/infer", endpoints.infer),
        ("POST", f"{_PLAIN}/versions/{{version}}/predict", endpoints.predict),
        ("POST", f"{_V2}/versions/{{version}}/infer", endpoints.infer),
        ("GET", "/v2/health/live", endpoints.live),
        ("GET", "/v2/health/ready", endpoints.ready),
        ("GET", f"{_V2}/ready", endpoints.model_ready),
        ("GET", f"{_V2}/versions/{{version}}/ready", endpoints.model_ready),
        ("GET", _V2, endpoints.model_metadata),
        ("GET", f"{_V2}/versions/{{version}}", endpoints.model_metadata),
        ("GET", "/v2", endpoints.server_metadata),
        ("GET", "/models", endpoints.models),
        ("GET", _PLAIN, endpoints.model),
        ("GET", f"{_PLAIN}/versions/{{version}}", endpoints.model),
    ]
    for method, path, handle in routes:
        endpoint = Endpoint(path, handle, store, monitoring)
        router.add_route(path, endpoint, methods=[method], name=f"{method} {path}")
    router.add_route("/metrics", MetricsEndpoint(store, monitoring), methods=["GET"], name="GET /metrics")
    return store


def create_app(models: Models, **settings: Any) -> Any:
    """Return an application of FastAPI that answers requests with trained models.

    It can be run by uvicorn, or mounted in another application: ``app.mount("/nets", create_app(...))``. Routes:

    - ``POST /models/{model}/predict``: rows as JSON objects, answers as one object per row;
    - ``/v2/...``: the Open Inference Protocol, version 2;
    - ``GET /models``, ``/models/{model}``: descriptions; ``/metrics``: for Prometheus; ``/docs``, ``/openapi.json``.

    Parameters
    ----------
    models : path, model, or mapping of str to them
        File of a model, a Network, an Ensemble or a fitted estimator; or several by name, or a mapping of versions to
        models by name. Without a name, a file has its name without the ending, and an object the name "model". A model
        that is not a file answers with the weights that it has now.
    **settings
        Settings by name:

        batching : bool, default True
            Whether rows of concurrent requests are computed together. Answers are the same bits either way.
        reload : float or None, default 1.0
            Number of seconds between two looks at each file: one that has changed is loaded, and answers from then on.
            If it cannot be loaded, the present model continues to answer. None: files are loaded once.
        max_rows : int, default 10000
            Number of rows of a request.
        max_bytes : int, default 16 MiB
            Size of the body of a request.
        batch_rows : int, default 1024
            Number of rows of several requests that are computed together.
        waiting_rows : int, default 20000
            Number of rows that wait for a model; further requests are answered by status 503.
        timeout : float, default 30.0
            Number of seconds after which a request is answered by status 408 or 503.
        n_threads : int or None, default None
            Number of threads of each call; None: that of the model.
        background : bool, default False
            Whether files are loaded after the start, during which ``/v2/health/ready`` answers 503; a file that cannot
            be loaded is then tried again when it changes. False: they are loaded here.

    Returns
    -------
    fastapi.FastAPI
        Application; ``app.state.store`` has the models.

    Raises
    ------
    ImportError
        If FastAPI or prometheus_client is not installed: ``pip install "compiled-nn[serve]"``.
    TypeError, ValueError
        If a setting is invalid, a model is not fitted, or a file is not a valid model.
    FileNotFoundError
        If a file does not exist.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.serving import create_app
    >>> net = cnn.Network([cnn.Dense(3)], seed=0).fit([[0.0], [1.0], [2.0]], [0, 1, 2], epochs=1)
    >>> app = create_app({"steps": net}, max_rows=100)
    >>> sorted(app.openapi()["paths"])[:2]
    ['/metrics', '/models']
    """
    fastapi, responses = _fastapi("fastapi"), _fastapi("starlette.responses")
    store: Store

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        store.open()
        yield
        store.close()

    app = fastapi.FastAPI(
        title="compiled-nn",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    app.state.store = store = _add_routes(app.router, models, settings)
    app.openapi = lambda: openapi.document(store)

    async def document(request: Any) -> Any:
        found = app.openapi() | {"servers": [{"url": request.scope.get("root_path", "") or "/"}]}
        return responses.Response(written(found), media_type="application/json")

    async def docs(request: Any) -> Any:
        content = docs_page.page(app.openapi(), request.scope.get("root_path", ""))
        return responses.HTMLResponse(content, headers=markup.headers())

    async def index(request: Any) -> Any:
        root, query, status = request.scope.get("root_path", ""), request.query_params, 200
        try:
            content = page.page(store, root, query.get("model"), query.get("version"))
        except RequestError as error:
            content, status = page.problem(str(error), root), error.status
        return responses.HTMLResponse(content, status, headers=markup.headers())

    for path, endpoint in (("/openapi.json", document), ("/docs", docs), ("/", index)):
        app.add_route(path, endpoint, methods=["GET"], include_in_schema=False)
    app.add_exception_handler(_fastapi("starlette.exceptions").HTTPException, _not_found(responses))
    return app


def _not_found(responses: Any) -> Any:
    """Return the handler of requests for routes and methods that there are not."""

    async def handle(request: Any, error: Any) -> Any:
        text = {
            404: "There is no such address; /docs lists all of them.",
            405: "The address takes another method.",
        }
        body = written({"error": text.get(error.status_code, str(error.detail))})
        return responses.Response(
            body, status_code=error.status_code, headers=error.headers, media_type="application/json"
        )

    return handle


def _fastapi(module: str) -> Any:
    return optional.load(module, purpose="a service", library="fastapi", extra="serve")
