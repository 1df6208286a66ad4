"""Synthetic table of the customers of a telephone company, as a CSV file with typical defects."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import checks

if TYPE_CHECKING:
    from os import PathLike

    from numpy.random import Generator

_NAMES = (
    "customer_id",
    "signup",
    "zip",
    "contract",
    "payment",
    "age",
    "monthly_charge",
    "data_gb",
    "support_calls",
    "paperless",
    "comment",
    "churn",
)
_CONTRACTS = ("monthly", "one year", "two years")
_PAYMENTS = ("card", "direct debit", "transfer")
_ZIPS = ("01067", "04109", "10115", "20095", "30159", "50667", "60311", "70173", "80331", "90402")
_OPENINGS = ("Question on", "Call about", "Letter about", "Mail about", "Complaint about")
_SUBJECTS = ("the bill", "a new phone", "the contract; again", "slow data", 'the "flat rate"', "a move")
_LAST_DAY = np.datetime64("2024-12-31")
_DAYS = 2200  # largest number of days between a signup and the last day
_AGE_GAPS, _USE_GAPS, _PAYMENT_GAPS, _SIGNUP_GAPS = 0.08, 0.05, 0.03, 0.01  # shares of missing values


def write_churn(path: str | PathLike[str], n_rows: int = 3000, *, seed: int = 0) -> None:
    """Write a CSV file of synthetic customers of a telephone company, some of whom leave.

    The file has what real files have: semicolons and decimal commas, dates, missing values, an identifier, zip codes
    that begin with 0, numbers and text columns, and free text with quotes. About 27 % of the customers leave (`churn`
    is yes): more with monthly contracts, after many calls, soon after the signup, and with a high charge for little
    use.

    Parameters
    ----------
    path : path-like
        File to write; an existing file is replaced.
    n_rows : int, default 3000
        Number of customers, >= 1.
    seed : int, default 0
        Seed of all random values.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of range.

    Examples
    --------
    >>> from compiled_nn.datasets import read_table, write_churn
    >>> write_churn("churn.csv", n_rows=200)
    >>> read_table("churn.csv").shape
    (200, 12)
    """
    checks.integer("write_churn", "n_rows", n_rows, minimum=1)
    rng = np.random.default_rng(checks.integer("write_churn", "seed", seed, minimum=0))
    columns = _columns(rng, n_rows)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\n")
        writer.writerow(_NAMES)
        writer.writerows(zip(*columns, strict=True))


def _columns(rng: Generator, m: int) -> list[list[str]]:
    """Return the cells of each column, in the order of `_NAMES`."""
    days = rng.integers(0, _DAYS, m)
    contract = rng.choice(3, m, p=(0.55, 0.25, 0.2))
    payment = rng.choice(3, m, p=(0.4, 0.35, 0.25))
    age = np.clip(rng.normal(45, 15, m), 18, 90).round()
    use = rng.gamma(2.0, 6.0, m).round(1)
    charge = (12 + 1.5 * use + 8 * (contract == 0) + rng.gamma(2.0, 4.0, m)).round(2)
    calls = rng.poisson(1.2, m)
    paperless = rng.random(m) < 0.6
    logit = (
        np.choose(contract, (0.9, -0.9, -2.2))
        + 0.6 * calls
        + 0.06 * (charge - 12 - 1.5 * use)
        - 0.0011 * days
        + 0.7 * (payment == 2)
        - 0.9 * (np.abs(age - 45) < 12)
        - 1.3
    )
    leaves = rng.random(m) < 1 / (1 + np.exp(-logit))
    signup = (_LAST_DAY - days.astype("timedelta64[D]")).tolist()
    return [
        [f"C{number:06d}" for number in rng.permutation(m) + 100_000],
        _gaps(rng, [f"{day:%d.%m.%Y}" for day in signup], _SIGNUP_GAPS),
        [_ZIPS[i] for i in rng.integers(0, len(_ZIPS), m)],
        [_CONTRACTS[i] for i in contract],
        _gaps(rng, [_PAYMENTS[i] for i in payment], _PAYMENT_GAPS),
        _gaps(rng, [f"{value:.0f}" for value in age], _AGE_GAPS),
        [f"{value:.2f}".replace(".", ",") for value in charge],
        _gaps(rng, [f"{value:.1f}".replace(".", ",") for value in use], _USE_GAPS),
        [str(value) for value in calls],
        ["yes" if value else "no" for value in paperless],
        _comments(rng, m),
        ["yes" if value else "no" for value in leaves],
    ]


def _gaps(rng: Generator, cells: list[str], share: float) -> list[str]:
    """Return the cells, some of them empty."""
    return ["" if gap else cell for cell, gap in zip(cells, rng.random(len(cells)) < share, strict=True)]


def _comments(rng: Generator, m: int) -> list[str]:
    """Return free text that is different for most rows."""
    draws: Any = zip(
        rng.integers(0, len(_OPENINGS), m),
        rng.integers(0, len(_SUBJECTS), m),
        rng.integers(1, 10 * m + 1, m),
        strict=True,
    )
    return [f"{_OPENINGS[i]} {_SUBJECTS[j]}, ticket {number}" for i, j, number in draws]
