"""Errors of requests: status, message, and the place of the fault."""

from __future__ import annotations

from typing import Any


class RequestError(Exception):
    """Request that cannot be answered.

    Parameters
    ----------
    status : int
        Status of HTTP.
    message : str
        Fault, its place, and the remedy.
    **place : int, str or list
        Further keys of the answer, such as `row` and `column`; None is left out.
    """

    def __init__(self, status: int, message: str, **place: Any) -> None:
        super().__init__(message)
        self.status = status
        self.place = {name: value for name, value in place.items() if value is not None}

    @property
    def document(self) -> dict[str, Any]:
        """Body of the answer."""
        return {"error": str(self), **self.place}
