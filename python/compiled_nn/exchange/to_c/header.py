"""C header of a model: its interface, and a description of inputs, outputs and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._version import __version__
from ...preprocessing.columns import Categorical
from ...preprocessing.dates import Date
from . import names
from .outcome import n_out
from .source import date_fields, labels, text_fields

if TYPE_CHECKING:
    from .fields import Field
    from .plan import Plan

_MOST_LINES = 256  # columns that are described one by one
_PARTS = {"days": "days since the first date of training"}


def write_header(plan: Plan, name: str, stack: int, verified: list[str]) -> str:
    """Return the text of the header; `verified` are lines about the verification."""
    upper, real = name.upper(), "float" if plan.dtype == "float32" else "double"
    classes = plan.description.classes
    declarations = [
        f"/* Writes the results for the inputs x[{upper}_N_INPUTS] to out[{upper}_N_OUTPUTS]."
        f"{_returned(plan)} -1: an input is",
        f"   {_refused(plan)}. -2: a result is not finite. */",
        f"int {name}_predict(const {real} *x, {real} *out);",
    ]
    if classes is not None:
        declarations += [
            "",
            "/* Labels of the classes, in UTF-8. */",
            f"extern const char *const {name}_classes[{len(classes)}];",
        ]
    if text_fields(plan):
        declarations += [
            "",
            "/* Input for a category, a text in UTF-8, of the column whose input has this index; -1 if it is unknown.",
            "   */",
            f"int {name}_category_index(int input, const char *text);",
        ]
    if date_fields(plan):
        declarations += [
            "",
            "/* Sets the inputs of a date, in microseconds since 1970-01-01T00:00 (UTC, or without a time zone), of",
            "   the column whose first input has this index. */",
            f"void {name}_set_date({real} *x, int input, int64_t microseconds);",
        ]
    guard = f"{upper}_H"
    integers = ["#include <stdint.h>", ""] if date_fields(plan) else []
    lines = [
        *_head(plan, name, stack, verified),
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
        *integers,
        f"#define {upper}_N_INPUTS {plan.fields.n_inputs}",
        f"#define {upper}_N_OUTPUTS {n_out(plan)}",
        *([] if classes is None else [f"#define {upper}_N_CLASSES {len(classes)}"]),
        *_macros(plan, upper),
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        *declarations,
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        "#endif",
        "",
    ]
    return "\n".join(lines)


def _returned(plan: Plan) -> str:
    single = plan.description.classes is not None and plan.description.kind != "indicator"
    return " Returns the index of the class;" if single else " Returns 0;"


def _refused(plan: Plan) -> str:
    return "NAN or infinite" if plan.description.columns is None else "infinite"


def _head(plan: Plan, name: str, stack: int, verified: list[str]) -> list[str]:
    """Return the comment at the top."""
    upper, description = name.upper(), plan.description
    arithmetic = f"weights of int8, 32-bit sums, and {plan.dtype}" if plan.quantized else plan.dtype
    lines = [
        f"{name}: a network of compiled-nn {__version__}, in C99. It needs the math library and no other.",
        "",
        f"Arithmetic: {arithmetic}. Memory: constants, and about {stack} bytes of the stack for a prediction.",
        "None is allocated, and no variable is shared: threads and interrupts may predict at the same time.",
        "Compile without -ffast-math: missing values are NAN.",
        "",
        f"Outputs: {_outputs(plan)}",
        "Inputs, one number for each line:",
        *_inputs(plan),
        *(["Other columns of the model are not used."] if _leaves_out(plan) else []),
        "",
        *verified,
        f"Self-test: cc -std=c99 -D{upper}_SELF_TEST {name}.c -lm && ./a.out",
    ]
    return ["/*", *(f"  {line}".rstrip() for line in lines), "*/"] if description else lines


def _leaves_out(plan: Plan) -> bool:
    return len(plan.fields.fields) < plan.description.n_features


def _outputs(plan: Plan) -> str:
    description = plan.description
    if description.classes is not None:
        shown = ", ".join(names.comment(label) for label in labels(description.classes)[:8])
        more = ", ..." if len(description.classes) > 8 else ""
        kind = "of each label, which are independent" if description.kind == "indicator" else "of each class"
        return f"the probability {kind}: {shown}{more}."
    if description.loss.name == "gaussian_nll":
        return "predicted means in units of y, then their standard deviations."
    if description.loss.name == "quantile":
        levels = ", ".join(f"{level:g}" for level in description.loss.quantiles)  # type: ignore[attr-defined]
        return f"predicted quantiles {levels} in units of y, in increasing order."
    return "predicted values in units of y."


def _inputs(plan: Plan) -> list[str]:
    fields = plan.fields.fields
    if plan.description.shape is not None:
        shape = " x ".join(map(str, plan.description.shape))
        return [f"  the numbers of an image of {shape}, row by row"]
    lines = [line for field in fields[:_MOST_LINES] for line in _input(field)]
    return lines + (
        [f"  ... {len(fields) - _MOST_LINES} further columns"] if len(fields) > _MOST_LINES else []
    )


def _input(field: Field) -> list[str]:
    title, column = names.comment(field.title), field.column
    if isinstance(column, Date):
        parts = [_PARTS.get(part, part) for part in column.parts]
        begin = [f"  {field.start}  {title}, a date: {parts[0]}; NAN if it is missing"]
        return begin + [f"  {field.start + i}  its {part}" for i, part in enumerate(parts) if i]
    if not isinstance(column, Categorical):
        return [f"  {field.start}  {title}{'' if column is None else ', NAN if it is missing'}"]
    shown = ", ".join(
        f"{i} {names.comment(category)}" if field.is_text else names.comment(category)
        for i, category in enumerate(column.categories[:8])
    )
    more = ", ..." if len(column.categories) > 8 else ""
    kind = "index of a category" if field.is_text else "one of the numbers"
    other = "-1 for any other, " if field.is_text else ""
    return [f"  {field.start}  {title}, {kind}: {shown}{more}; {other}NAN if it is missing"]


def _macros(plan: Plan, upper: str) -> list[str]:
    """Return macros for the indices of inputs, if the columns have names."""
    fields = plan.fields.fields
    if not plan.description.named or len(fields) > _MOST_LINES:
        return []
    found = names.macro_names(field.title for field in fields)
    return [f"#define {upper}_X_{macro} {field.start}" for macro, field in zip(found, fields, strict=True)]
