"""Service of models over HTTP: an application of FastAPI, which needs the extra `serve`."""

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .app import create_app as create_app
    from .app import create_router as create_router

__all__ = ["create_app", "create_router"]

__getattr__, __dir__ = lazy.attach(__name__, {"create_app": "app", "create_router": "app"})
