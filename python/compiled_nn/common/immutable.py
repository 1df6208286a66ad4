"""Base class of objects whose attributes are set once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self


class Immutable:
    """Base class of objects whose attributes the constructor sets once.

    A frozen dataclass does the same, but its class takes ten times as long to create, which `import compiled_nn`
    would take longer by.
    """

    def _set(self, **attributes: Any) -> None:
        """Set the attributes; only the constructor calls this."""
        for (
            name,
            value,
        ) in attributes.items():  # one by one: an object whose __dict__ was used is slower to read
            object.__setattr__(self, name, value)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values of these attributes."""
        unknown = changes.keys() - vars(self).keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no attribute {min(unknown)!r}.")
        other = object.__new__(type(self))
        vars(other).update(vars(self) | changes)
        return other

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: {name!r} cannot be set.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: {name!r} cannot be deleted.")
