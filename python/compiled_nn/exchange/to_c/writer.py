"""C source while it is written: constants, functions, and the templates that it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...data.arrays import Array
from . import names, templates
from .emulation import BLOCK

if TYPE_CHECKING:
    from .plan import Plan


@dataclass
class Writer:
    """C source that is being written.

    Attributes
    ----------
    plan : Plan
        Arithmetic of the model.
    name : str
        Name of the model in C.
    data, networks, others : list of str
        Constants; functions of the networks; functions that only the caller uses.
    used : set of str
        Names of templates that the source needs.
    frame : int
        Bytes of the variables of a network's function, the largest one.
    """

    plan: Plan
    name: str
    data: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    frame: int = 0

    @property
    def real(self) -> str:
        """Type of numbers in C."""
        return "float" if self.plan.dtype == "float32" else "double"

    def call(self, function: str, *arguments: Any) -> str:
        """Return the call of a function of the templates, which becomes part of the source."""
        self.used.add(function)
        return f"{self.name}_{function}({', '.join(map(str, arguments))});"

    def constant(self, name: str, values: Array | None, integers: str = "signed char") -> str:
        """Return the name of a constant array, which becomes part of the source; 0 for None and for no numbers."""
        if values is None or not values.size:
            return "0"
        kind = integers if values.dtype.kind in "iu" else self.real
        full = f"{self.name}_{name}"
        body = names.numbers(values, self.plan.dtype)
        self.data.append(f"static const {kind} {full}[{values.size}] = {body};\n")
        return full

    def number(self, value: Any) -> str:
        """Return the literal of a number."""
        return names.number(value, self.plan.dtype)

    def fill(self, template: str) -> str:
        """Return a template with the name and the type of numbers of this source."""
        return templates.fill(template, self.name, self.plan.dtype, BLOCK)
