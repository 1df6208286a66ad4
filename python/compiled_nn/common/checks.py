"""Checks of scalar parameters, shared by every constructor and method.

A wrong type raises TypeError, a wrong value ValueError. The message names the parameter, the class or function that
it belongs to (`owner`), the allowed values, and the value that was passed.
"""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias, TypeVar, cast

from .errors import count, did_you_mean
from .text import short

Rate: TypeAlias = float | Callable[[int], float]
Name = TypeVar("Name", bound=str)


def choice(owner: str, name: str, value: object, options: Collection[Name]) -> Name:
    """Return `value`, which must be one of the names in `options`."""
    if isinstance(value, str) and value in options:
        return cast("Name", value)
    allowed = "{" + ", ".join(repr(option) for option in options) + "}"
    message = f"The '{name}' parameter of {owner} must be a str among {allowed}. Got {short(value)} instead."
    if not isinstance(value, str):
        raise TypeError(message + did_you_mean(value, options, name))
    raise ValueError(message + did_you_mean(value, options, name))


def integer(owner: str, name: str, value: object, *, minimum: int) -> int:
    """Return `value` as an int of at least `minimum`; a bool is rejected."""
    if type(value) is int or (isinstance(value, numbers.Integral) and not isinstance(value, bool)):
        number = operator.index(value)
        if number >= minimum:
            return number
        error: type[Exception] = ValueError
    else:
        error = TypeError
    raise error(f"The '{name}' parameter of {owner} must be an int >= {minimum}. Got {short(value)} instead.")


def optional_integer(owner: str, name: str, value: object, *, minimum: int) -> int | None:
    """Return `value` as an int of at least `minimum`, or None."""
    return None if value is None else integer(owner, name, value, minimum=minimum)


def place(name: str, value: object, n: int, noun: str) -> int:
    """Return an index into `n` items as a non-negative int; a negative one counts from the end."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an int. Got {short(value)} instead.")
    index = operator.index(value)
    if not -n <= index < n:
        raise ValueError(f"{name} is {index}; the network has {count(n, noun)}.")
    return index % n


def real(
    owner: str,
    name: str,
    value: object,
    *,
    minimum: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return `value` as a finite float with `minimum` <= value and `above` < value < `below`."""
    if type(value) is float or (isinstance(value, numbers.Real) and not isinstance(value, bool)):
        try:
            number = float(value)
        except OverflowError:  # an integer beyond the range of float64
            number = math.inf
        if math.isfinite(number) and minimum <= number and above < number < below:
            return number
        error: type[Exception] = ValueError
    else:
        error = TypeError
    bounds = [
        f"{sign} {bound:g}"
        for sign, bound in ((">=", minimum), (">", above), ("<", below))
        if math.isfinite(bound)
    ]
    allowed = " ".join(["a finite number", " and ".join(bounds)]).rstrip()
    raise error(f"The '{name}' parameter of {owner} must be {allowed}. Got {short(value)} instead.")


def rate(owner: str, name: str, value: object) -> Rate:
    """Return `value` as a learning rate: a finite float above 0, or a function of the step."""
    if isinstance(value, type):
        raise TypeError(
            f"The '{name}' parameter of {owner} is the class {value.__name__}; pass a number, or an object of this"
            " class."
        )
    return value if callable(value) else real(owner, name, value, above=0)


def flag(owner: str, name: str, value: object) -> bool:
    """Return `value`, which must be a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"The '{name}' parameter of {owner} must be a bool. Got {short(value)} instead.")
    return value


def flag_or_choice(owner: str, name: str, value: object, options: Collection[Name]) -> bool | Name:
    """Return `value`, which must be a bool or one of the names in `options`."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return choice(owner, name, value, options)
    allowed = "{" + ", ".join(repr(option) for option in options) + "}"
    raise TypeError(
        f"The '{name}' parameter of {owner} must be a bool or a str among {allowed}. Got {short(value)} instead."
    )


def _listed(names: list[str]) -> str:
    """Return the first names and the number of others, for messages of a bounded length."""
    names.sort()
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{[name[:60] for name in names[:5]]}{more}"


def fields(
    owner: str, config: object, names: Collection[str], optional: Collection[str] = ()
) -> dict[str, object]:
    """Return `config`, a mapping read from a file; its keys must be all of `names`, and may be any of `optional`."""
    if not isinstance(config, Mapping):
        raise ValueError(f"{owner} must be a JSON object. Got {type(config).__name__} instead.")
    missing = [name for name in names if name not in config]
    extra = [name for name in config if name not in names and name not in optional]
    if missing or extra:
        problem = f"lacks {_listed(missing)}" if missing else f"has unknown {_listed(extra)}"
        raise ValueError(f"{owner} {problem}.")
    return dict(config)
