"""Agreement of the parts: the same columns in the same order in all of them, and one kind of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.errors import count
from ..data import class_labels, column_names
from .parts import place

if TYPE_CHECKING:
    from ..data.arrays import Array
    from .descriptions import Columns, Description, Outputs


def check_storage(found: Sequence[Description]) -> None:
    """Raise a TypeError if some parts are sparse matrices and others are not; the message names the part."""
    for each in found:
        if each.is_sparse != found[0].is_sparse:
            kinds = ["sparse" if part.is_sparse else "dense" for part in (each, found[0])]
            raise TypeError(
                f"{place(each.number)}, is {kinds[0]}; part {found[0].number} is {kinds[1]}. Convert all of them to"
                " sparse matrices, or all to arrays."
            )


def columns(found: Sequence[Description]) -> list[Columns]:
    """Return the descriptions of X of all parts, with their columns in the order of the first part.

    Raises
    ------
    ValueError
        If a part has other columns than the first one, or images of another shape; the message names the part.
    """
    first, result = found[0], []
    assert first.columns is not None
    for each in found:
        assert each.columns is not None
        result.append(_agreeing(each.columns, each.number, first.columns, first.number))
    return result


def _agreeing(part: Columns, number: int, first: Columns, of: int) -> Columns:
    """Return the description of X of a part in the order of the columns of the first part."""
    names, expected = part.names or part.labels, first.names or first.labels
    if (names is None) != (expected is None):
        without, having = (number, of) if names is None else (of, number)
        raise ValueError(
            f"Part {without} has no names of columns; part {having} has the names"
            f" {column_names.some(names or expected or ())}. Parts are counted from 0. Pass arrays in all parts, or"
            " tables with the same columns in all of them."
        )
    if names is not None and expected is not None and names != expected:
        part = _in_order(part, names, expected, number, of)
    if part.n_columns != first.n_columns:
        raise ValueError(
            f"{place(number)}, has {count(part.n_columns, 'column')}; part {of} has {first.n_columns}."
        )
    if part.shape != first.shape:
        raise ValueError(
            f"{place(number)}, has {_rows_of(part)}; part {of} has {_rows_of(first)}. Bring all of them to one shape."
        )
    return part


def _in_order(
    part: Columns, names: tuple[Any, ...], expected: tuple[Any, ...], number: int, of: int
) -> Columns:
    """Return the description of a part with columns of other names, or of names in another order."""
    missing = [name for name in expected if name not in set(names)]
    unexpected = [name for name in names if name not in set(expected)]
    if missing or unexpected:
        parts = [f"it lacks {column_names.some(missing)}"] if missing else []
        parts += [f"it has {column_names.some(unexpected)} in addition"] if unexpected else []
        raise ValueError(
            f"{place(number)}, has other columns than part {of}: {', and '.join(parts)}. Rename the columns, or select"
            " the same ones in all parts."
        )
    if part.in_order:
        i = next(i for i, (name, other) in enumerate(zip(names, expected, strict=True)) if name != other)
        raise ValueError(
            f"{place(number)}, has the columns of part {of} in another order: column {i} is {names[i]!r} in place of"
            f" {expected[i]!r}. Bring the columns of all parts into one order."
        )
    summary = part.summary
    if summary is not None:
        order = [names.index(name) for name in expected]
        summary = summary._replace(names=expected, columns=tuple(summary.columns[i] for i in order))
    part = part._replace(summary=summary)
    return part._replace(names=expected) if part.names is not None else part._replace(labels=expected)


def _rows_of(part: Columns) -> str:
    return f"rows of {part.n_columns} numbers" if part.shape is None else f"images of shape {part.shape}"


def outputs(found: Sequence[Description]) -> list[Outputs]:
    """Return the descriptions of y of all parts.

    Raises
    ------
    TypeError, ValueError
        If a part has another number of columns than the first one, or labels of another kind; the message names the
        part.
    """
    first, result = found[0], []
    assert first.outputs is not None
    for each in found:
        assert each.outputs is not None
        result.append(each.outputs)
        if each.outputs.n_columns != first.outputs.n_columns:
            raise ValueError(
                f"{place(each.number)}, has {_shape(each.outputs)}; part {first.number} has {_shape(first.outputs)}."
            )
        if each.outputs.counts is not None:
            kinds = [class_labels.kind(part.examples) for part in (first.outputs, each.outputs)]
            if kinds[0] != kinds[1]:
                shown = [part.examples[:1].tolist()[0] for part in (first.outputs, each.outputs)]
                raise TypeError(
                    f"y mixes {kinds[0]} with {kinds[1]}: part {first.number} has {shown[0]!r}, part {each.number} has"
                    f" {shown[1]!r}. Labels must be of one kind; convert all of them to text, or all to numbers."
                )
    return result


def _shape(outputs: Outputs) -> str:
    return (
        "a y with one number or label per row"
        if outputs.n_columns is None
        else f"a y with {outputs.n_columns} columns"
    )


def joined_examples(found: Sequence[Outputs]) -> Array:
    """Return a y with the distinct labels of all parts, or with the example rows, in the joined dtype."""
    dtype = np.result_type(*(part.dtype for part in found))
    examples = np.concatenate([part.examples for part in found])
    if found[0].counts is not None:
        examples = class_labels.distinct(examples)
    if dtype.kind in "US":  # as wide as the longest label
        return examples
    return examples.astype(object if dtype.kind == "T" else dtype)
