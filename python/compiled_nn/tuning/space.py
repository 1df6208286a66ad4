"""Spaces of hyper-parameters: values and distributions by name, and the candidates that are drawn from them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import RandomState

from ..common import checks
from ..common.errors import count, did_you_mean
from ..common.text import short

Params = dict[str, Any]


@dataclass(frozen=True)
class Real:
    """Distribution of real numbers between two limits, for the space of a search.

    scikit-learn's random searches accept it, too.

    Parameters
    ----------
    low, high : float
        Limits; with `log`, above 0.
    log : bool, default False
        Whether the logarithm is uniformly distributed, as is usual for learning rates and penalties.

    Raises
    ------
    TypeError, ValueError
        If a limit is not a finite number, or they are not in this order.

    See Also
    --------
    Integer : Distribution of whole numbers.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> rate = cnn.tuning.Real(1e-4, 1e-1, log=True)
    >>> [round(rate.rvs(random_state=seed), 5) for seed in range(3)]
    [0.00443, 0.00178, 0.00203]
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            above = 0.0 if self.log else -math.inf
            checks.real("Real", name, getattr(self, name), above=above)
        _check_limits(self)

    def rvs(self, random_state: Any = None) -> float:
        """Return a number that is drawn at random.

        Parameters
        ----------
        random_state : int, RandomState or None, optional
            Seed, or generator of random numbers. None: a different number in each call.

        Returns
        -------
        float
            Number from `low` to `high`.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> cnn.tuning.Real(0, 10).rvs(random_state=0)
        5.4881350392732475
        """
        random, low, high = _random(random_state), self.low, self.high
        if not self.log:
            return float(random.uniform(low, high))
        drawn = math.exp(random.uniform(math.log(low), math.log(high)))
        return min(max(drawn, low), high)


@dataclass(frozen=True)
class Integer:
    """Distribution of whole numbers between two limits, which are included, for the space of a search.

    Parameters
    ----------
    low, high : int
        Limits; with `log`, above 0.
    log : bool, default False
        Whether the logarithm is about uniformly distributed, as is usual for numbers of units.

    Raises
    ------
    TypeError, ValueError
        If a limit is not an int, or they are not in this order.

    See Also
    --------
    Real : Distribution of real numbers.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> units = cnn.tuning.Integer(8, 256, log=True)
    >>> [units.rvs(random_state=seed) for seed in range(4)]
    [52, 33, 35, 52]
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            if self.log:
                checks.integer("Integer", name, getattr(self, name), minimum=1)
            else:
                checks.real("Integer", name, getattr(self, name))
                checks.integer("Integer", name, getattr(self, name), minimum=-(1 << 62))
        _check_limits(self)

    def rvs(self, random_state: Any = None) -> int:
        """Return a number that is drawn at random.

        Parameters
        ----------
        random_state : int, RandomState or None, optional
            Seed, or generator of random numbers. None: a different number in each call.

        Returns
        -------
        int
            Number from `low` to `high`.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> cnn.tuning.Integer(1, 6).rvs(random_state=0)
        5
        """
        random, low, high = _random(random_state), self.low, self.high
        if not self.log:
            return int(random.randint(low, high + 1, dtype=np.int64))
        drawn = math.exp(random.uniform(math.log(low - 0.5), math.log(high + 0.5)))
        return min(max(round(drawn), low), high)


def _check_limits(limits: Real | Integer) -> None:
    if limits.low >= limits.high:
        raise ValueError(
            f"{type(limits).__name__} has low={limits.low:g} and high={limits.high:g}; expected low < high."
        )


def _random(random_state: Any) -> RandomState:
    return random_state if isinstance(random_state, RandomState) else RandomState(random_state)


# ---- candidates


def check_names(names: Collection[str], known: Collection[str], owner: str) -> None:
    """Raise ValueError for names that are not those of parameters of `owner`.

    Parameters
    ----------
    names : collection of str
        Names to check.
    known : collection of str
        Names of the parameters.
    owner : str
        Name of the class or function that has the parameters.
    """
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known, "estimator")
            raise ValueError(f"space has {name!r}, which is no parameter of {owner}.{hint or _listed(known)}")


def _listed(known: Collection[str]) -> str:
    return f" Its parameters are: {', '.join(sorted(known))}."


def check_space(space: Any) -> dict[str, Any]:
    """Return a space with sequences as lists, in alphabetical order of the names.

    Raises
    ------
    TypeError, ValueError
        If it is not a dict, is empty, or has an entry without values.
    """
    if not isinstance(space, Mapping):
        raise TypeError(
            "The 'space' parameter of search must be a dict of values by parameter, such as"
            f" {{'alpha': [1e-4, 1e-2]}}. Got {short(space)} instead."
        )
    if not space:
        raise ValueError("The 'space' parameter of search is empty; expected at least 1 parameter.")
    for name in space:
        if not isinstance(name, str):
            raise TypeError(f"The 'space' parameter of search must have names as keys. Got {short(name)}.")
    return {name: _values(name, space[name]) for name in sorted(space)}


def _values(name: str, values: Any) -> Any:
    """Return the values of a parameter as a list, or its distribution."""
    if hasattr(values, "rvs"):
        return values
    if isinstance(values, np.ndarray) and values.ndim == 1:
        values = values.tolist()
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(
            f"space[{name!r}] must be a list of values, or a distribution with a method rvs, such as"
            f" cnn.tuning.Real(1e-4, 1e-1, log=True). Got {short(values)} instead."
        )
    if not values:
        raise ValueError(f"space[{name!r}] has no values; expected at least 1.")
    return list(values)


def candidates(space: Any, n_candidates: Any, seed: int) -> list[Params]:
    """Return the candidates of a space: all combinations, or a number of them that are drawn at random.

    Parameters
    ----------
    space : mapping
        Lists of values, or distributions, by name.
    n_candidates : int or None
        Number of candidates; None for all combinations.
    seed : int
        Seed of the draws. Combinations of lists are drawn without replacement.

    Raises
    ------
    TypeError, ValueError
        If the space is not valid, or has fewer combinations.
    """
    space = check_space(space)
    n = checks.optional_integer("search", "n_candidates", n_candidates, minimum=1)
    drawn = [name for name, values in space.items() if not isinstance(values, list)]
    if drawn:
        if n is None:
            raise ValueError(
                f"n_candidates is None, but space[{drawn[0]!r}] is a distribution, which has no list of all values."
                " Pass the number of candidates."
            )
        random = RandomState(seed)
        return [{name: _draw(values, random) for name, values in space.items()} for _ in range(n)]
    n_all = math.prod(len(values) for values in space.values())
    if n is not None and n > n_all:
        raise ValueError(
            f"n_candidates is {n}, but space has {count(n_all, 'combination')} of values. Pass at most {n_all}, or None"
            " for all of them."
        )
    places = (
        range(n_all) if n is None or n == n_all else _distinct(n, n_all, list(map(len, space.values())), seed)
    )
    return [_combination(space, place) for place in places]


def _distinct(n: int, n_all: int, sizes: Sequence[int], seed: int) -> list[int]:
    """Return `n` different places of combinations, drawn at random; `sizes` are the numbers of values."""
    random = RandomState(seed)
    if 2 * n > n_all:
        return [int(place) for place in random.permutation(n_all)[:n]]
    found: dict[int, None] = {}
    while len(found) < n:
        place = 0
        for size in sizes:  # n_all can be too large for the generator
            place = place * size + int(random.randint(size))
        found[place] = None
    return list(found)


def _draw(values: Any, random: RandomState) -> Any:
    if isinstance(values, list):
        return values[random.randint(len(values))]
    drawn = values.rvs(random_state=random)
    return drawn.item() if isinstance(drawn, np.generic) else drawn


def _combination(space: dict[str, list[Any]], place: int) -> Params:
    """Return the combination of values at a place, where the values of the last name change fastest."""
    found: Params = {}
    for name, values in reversed(space.items()):
        place, i = divmod(place, len(values))
        found[name] = values[i]
    return dict(reversed(found.items()))
