"""Verification of a conversion: both sides predict the same probe rows before an exporter returns.

An exporter makes the rows by :func:`probe_rows`, this library's answers by :func:`answers`, those of the other side
itself, and passes both to :func:`check`, whose result it records in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.arrays import Array
from ..preprocessing.columns import Categorical, LeftOut, Numeric

if TYPE_CHECKING:
    from ..artefact.predictor import Predictor
    from ..preprocessing.columns import Column
    from ..preprocessing.dates import Date
    from .description import Description

BOUNDS = {"float64": 1e-9, "float32": 1e-5}  # largest differences, relative to the largest output
_LEAST = 64  # rows
# Widths of probe rows, in units of the spread: the widest with which the model predicts is used.
_WIDTHS = (4.0, 1.0, 0.1, 0.0)
_DAY = 86_400_000_000  # microseconds
Answers = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Probe:
    """Rows for both sides.

    Attributes
    ----------
    columns : tuple of ndarray (m,)
        Each column of X: of the dtype of the network, NaN if missing; of datetime64[us]; or of objects, None if
        missing. Columns that are left out are missing in all rows.
    X : ndarray (m, k), or dict of str to list
        The same rows as the predictor takes them: a table where it has an encoder.
    """

    columns: tuple[Array, ...]
    X: Any

    def __len__(self) -> int:
        return len(self.columns[0])


@dataclass(frozen=True)
class Verification:
    """Result of :func:`check`.

    Attributes
    ----------
    largest_difference : float
        Largest difference between the answers of both sides, relative to the largest output.
    rows : int
        Number of rows.
    against : str
        Library that computed the other side, with its version.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.xor()
    >>> net = cnn.Network([cnn.Dense(8, "relu"), cnn.Dense(2)], seed=0).fit(data.X_train, data.y_train, epochs=1)
    >>> verification = net.to_json("net.json")
    >>> verification.rows, verification.largest_difference < 1e-5
    (64, True)
    """

    largest_difference: float
    rows: int
    against: str

    def to_config(self) -> dict[str, Any]:
        """Return the result as a JSON-serialisable dict, to be recorded in a file."""
        return {
            "largest_difference": self.largest_difference,
            "rows": self.rows,
            "against": self.against,
        }


# ---- rows


def probe_rows(description: Description, predictor: Predictor, n_rows: int = _LEAST) -> Probe:
    """Return rows that reach what training saw, the same ones in every call.

    They are within and beyond the range of the numbers of training, as far as it is known, and have every category,
    an unknown one, missing values, and dates before, within and after those of training.

    Parameters
    ----------
    description : Description
        Description of the predictor.
    predictor : Predictor
        Predictor, which must be able to predict the rows: if they are too far out, narrower ones are returned.
    n_rows : int, default 64
        Number of rows at least; there are more if a column has more categories.
    """
    for width in _WIDTHS:
        probe = _rows(description, width, n_rows)
        try:
            found = answers(description, predictor, probe.X)
        except ValueError as error:  # an output that is not finite
            if width == _WIDTHS[-1]:
                raise ValueError(
                    "The model does not even predict rows at the centre of those of training, with which a conversion"
                    f" is verified: {error}"
                ) from error
            continue
        largest = np.finfo(description.dtype).max  # values in units of y may be of another dtype
        numbers = [each for name, each in found.items() if name != "label"]
        if width == _WIDTHS[-1] or all((np.abs(each) <= largest).all() for each in numbers):
            return probe
    raise AssertionError  # the last width returns or raises


def _rows(description: Description, width: float, n_rows: int) -> Probe:
    """Return rows that are up to `width` spreads from the centre, and further for some rows."""
    random = np.random.default_rng(20_240_229)
    fitted = description.columns
    if fitted is None:
        X = _numbers(random, n_rows, description.centre, description.spread, width)
        X = X.astype(description.dtype)
        return Probe(tuple(X.T), X)
    widest = max((column.width for column in fitted if isinstance(column, Categorical)), default=0)
    m = max(n_rows, widest + 2)
    found, place = [], 0
    for column in fitted:
        if isinstance(column, LeftOut):
            found.append(np.full(m, None))
        elif isinstance(column, Categorical):
            found.append(_categories(random, m, column))
        else:
            found.append(_of_numbers(random, m, column, description, place, width))
            place += column.n_numbers
    return Probe(tuple(found), table_of(description, found))


def table_of(description: Description, columns: list[Array] | tuple[Array, ...]) -> Any:
    """Return columns as X for the predictor: a dict by name without those that are left out, or an array of objects."""
    fitted = description.columns
    assert fitted is not None
    if description.named:
        names = [column.name for column in fitted]
        used = [not isinstance(column, LeftOut) for column in fitted]
        return {name: list(values) for name, values, keep in zip(names, columns, used, strict=True) if keep}
    X = np.full((len(columns[0]), len(columns)), None, object)
    for i, (column, values) in enumerate(zip(fitted, columns, strict=True)):
        if isinstance(column, LeftOut):
            X[:, i] = 0.0
        else:
            X[:, i] = values.tolist() if values.dtype.kind != "M" else list(values)
    return X


def _numbers(
    random: np.random.Generator, m: int, centre: Array, spread: Array, width: float
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return numbers (m, k) around the centre: within a spread in half of the rows, then up to `width` spreads."""
    scales = np.where(np.arange(m) % 2 == 0, min(1.0, width), width)[:, np.newaxis]
    steps = np.clip(random.standard_normal((m, len(centre))), -3, 3) * scales
    steps[0] = 0
    result: np.ndarray[Any, np.dtype[np.float64]] = centre + steps * spread
    return result


def _of_numbers(
    random: np.random.Generator,
    m: int,
    column: Numeric | Date,
    description: Description,
    place: int,
    width: float,
) -> Array:
    """Return numbers or dates (m,), some of them missing."""
    missing = random.permutation(m) < m // 8
    if isinstance(column, Numeric):
        centre, spread = description.centre[place], description.spread[place]
        numbers = _numbers(random, m, np.array([centre]), np.array([spread]), width)[:, 0]
        numbers = numbers.astype(description.dtype)
        numbers[missing] = np.nan
        return numbers
    range_of_days = 2 * column.means[column.parts.index("days")] + 1 if "days" in column.parts else 1.0
    days = random.uniform(-0.25 * width, 1 + 0.25 * width, m) * range_of_days
    moments = column.first + np.rint(days * _DAY).astype(np.int64)
    moments[0] = column.first
    leap = _leap_day(int(moments.min()), int(moments.max()))
    moments[1] = moments[1] if leap is None else leap
    dates: Array = moments.view("datetime64[us]")
    dates[missing] = np.datetime64("NaT", "us")
    return dates


def _leap_day(first: int, last: int) -> int | None:
    """Return the first 29 February between two moments, in microseconds since 1970; None if there is none."""
    years = np.array([first, last], "datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
    for year in range(years[0], min(years[1], years[0] + 8) + 1):
        if year % 4 == 0 and (year % 100 or year % 400 == 0):
            moment = int(
                (np.datetime64(year - 1970, "Y").astype("datetime64[D]") + np.timedelta64(59, "D"))
                .astype("datetime64[us]")
                .view("i8")
            )
            if first <= moment <= last:
                return moment
    return None


def _categories(random: np.random.Generator, m: int, column: Categorical) -> Array:
    """Return categories (m,), each of them at least once, with an unknown and a missing one.

    A column of whole numbers that floats round has no missing ones.
    """
    choices = [*column.categories, unknown(column), *([] if column.has_large else [None])]
    values: Array = np.empty(len(choices), object)
    values[:] = choices
    chosen: Array = values[random.permutation(np.arange(m) % len(values))]
    return chosen


def unknown(column: Column) -> Any:
    """Return a value of the type of the categories of a column that is not among them."""
    assert isinstance(column, Categorical)
    if column.categories and not isinstance(column.categories[0], str):
        return int(max(-1, *(int(category) for category in column.categories))) + 1
    text = "unknown"
    while text in column.categories:
        text += "_"
    return text


# ---- answers


def answers(description: Description, predictor: Predictor, X: Any) -> dict[str, Array]:
    """Return the predictions of this library for rows.

    Returns
    -------
    dict of str to ndarray
        For classes "label" (m,), or (m, n) for several labels per row, and "probabilities" (m, n_classes). Otherwise
        "values" (m, n), and "deviations" (m, n) for the loss "gaussian_nll".
    """
    if description.classes is not None:
        probabilities = predictor.predict_proba(X)
        if description.is_certain:
            probabilities = np.ones_like(probabilities[:, :1])
        return {"label": predictor.predict(X), "probabilities": probabilities}
    found = {"values": predictor.values(X)}
    if predictor.outputs.loss.name == "gaussian_nll":
        deviations = predictor.predict_distribution(X)[1]
        found["deviations"] = deviations.reshape(len(deviations), -1)
    return found


def largest_difference(ours: Answers, theirs: Answers) -> float:
    """Return the largest difference of the numbers of both sides, relative to the largest of ours; NaN is infinite.

    "label" is not a number: it is compared by :func:`check`.

    Raises
    ------
    ValueError
        If the other side has no answer of this name, or one of another shape.
    """
    worst = 0.0
    for name, mine in ours.items():
        if name not in theirs:
            raise ValueError(f"The other side has no {name!r}; it has {', '.join(map(repr, theirs))}.")
        other = np.asarray(theirs[name])
        if other.shape != mine.shape:
            raise ValueError(
                f"{name!r} has the shape {other.shape} on the other side; expected {mine.shape}."
            )
        if name == "label" or not mine.size:
            continue
        wide = mine.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.abs(wide - other.astype(np.float64))
        difference[~np.isfinite(difference)] = np.inf
        worst = max(worst, float(difference.max()) / (float(np.abs(wide).max()) or 1.0))
    return worst


def check(
    ours: Answers,
    theirs: Answers,
    dtype: str,
    against: str,
    *,
    bound: float | None = None,
    what: str = "converted model",
    outcome: str = "nothing was written",
) -> Verification:
    """Compare the answers of both sides, and return the result.

    Parameters
    ----------
    ours, theirs : dict of str to ndarray
        Answers for the same rows, as :func:`answers` returns them. A label may differ where the probabilities of both
        labels are equal within the bound.
    dtype : {"float32", "float64"}
        Dtype of the model, which determines the bound.
    against : str
        Library that computed `theirs`, with its version.
    bound : float, optional
        Largest difference, relative to the largest output. Default: 1e-9 for float64, 1e-5 for float32.
    what : str
        Name of the other side in the message.
    outcome : str
        Consequence of a difference, for the message.

    Raises
    ------
    ArithmeticError
        If they differ by more than the bound, or in a label.
    """
    limit = BOUNDS[dtype] if bound is None else bound
    difference = largest_difference(ours, theirs)
    n_rows = len(next(iter(ours.values())))
    if not difference <= limit:
        raise ArithmeticError(
            f"The predictions of the {what}, computed by {against}, differ by {difference:.2g} of the largest output on"
            f" {n_rows} probe rows; at most {limit:g} is allowed for {dtype}, so that {outcome}."
        )
    if "label" in ours:
        _check_labels(ours, theirs, limit, f"{what}, computed by {against},")
    return Verification(difference, n_rows, against)


def _check_labels(ours: Answers, theirs: Answers, limit: float, what: str) -> None:
    """Raise ArithmeticError for a row with another label whose probability is not equally high."""
    other = np.asarray(theirs["label"]) != ours["label"]
    if not other.any():
        return
    probabilities = ours["probabilities"].astype(np.float64)
    if other.ndim == 2:
        undecided = np.abs(probabilities - 0.5) <= 2 * limit
    else:
        highest = np.sort(probabilities, axis=1)[:, ::-1]
        undecided = highest[:, 0] - highest[:, 1] <= 2 * limit
        below = np.cumsum(probabilities, axis=1)  # the median of ordered classes
        undecided |= (np.abs(below - 0.5) <= 2 * limit).any(axis=1)
    wrong = np.argwhere(other & ~undecided)
    if len(wrong):
        place = tuple(wrong[0].tolist())
        found, expected = (np.asarray(side["label"])[place].item() for side in (theirs, ours))
        raise ArithmeticError(
            f"The {what} has the label {found!r} in probe row {place[0]}; expected {expected!r}. Nothing was written."
        )
