"""C source of a plan: weights as constants, one function for each network, and the function that predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.arrays import Array
from ...preprocessing.columns import Categorical
from ...preprocessing.dates import PARTS, Date
from . import names, templates
from .outcome import n_out, result_lines
from .writer import Writer

if TYPE_CHECKING:
    from .fields import Field
    from .plan import Plan, PlannedLayer, PlannedNetwork


def write_source(plan: Plan, name: str, head: str, self_test: str) -> tuple[str, int]:
    """Return the text of the source file, and the bytes of its variables on the stack."""
    writer = Writer(plan, name)
    for i, network in enumerate(() if plan.description.is_certain else plan.networks):
        _write_network(writer, i, network)
    predict = _predict(writer)
    _write_classes(writer)
    _write_lookup(writer)
    _write_dates(writer)
    functions = [
        writer.fill(templates.FUNCTIONS[each]) for each in templates.FUNCTIONS if each in writer.used
    ]
    stdint = "#include <stdint.h>\n" if "int32_t" in "".join(functions) else ""
    includes = f'#include "{name}.h"\n\n#include <math.h>\n{stdint}'
    parts = [head, includes, *writer.data, *functions, *writer.networks, predict, *writer.others, self_test]
    itemsize = np.dtype(plan.dtype).itemsize
    numbers = plan.fields.n_numbers + 4 * n_out(plan) + plan.n_first
    return "\n".join(part for part in parts if part), writer.frame + itemsize * numbers + 256


# ---- networks


def _arguments(plan: Plan) -> str:
    return "v, at, z" if plan.fields.n_categories else "v, z"


def _write_network(writer: Writer, i: int, network: PlannedNetwork) -> None:
    """Write the function of a network, from the encoded row v to the outputs z before the link."""
    plan, real = writer.plan, writer.real
    widths = [plan.n_first, *(len(layer.weight) for layer in network.layers)]
    lines = _first_inputs(writer, i, network)
    source = "a" if plan.n_first else "0"
    sizes = {"a": plan.n_first, "b": 0, "z": 0}
    for k, layer in enumerate(network.layers):
        is_last = k == len(network.layers) - 1
        target = "z" if is_last else "ab"[k % 2 == 0]
        sizes[target] = max(sizes[target], widths[k + 1])
        lines += _layer(writer, f"{i}_{k}", layer, (widths[k], source, target), is_last)
        source = target
    buffers = [f"{real} {each}[{sizes[each]}];" for each in "ab" if sizes[each]]
    n_quantized = max(widths[:-1]) if plan.quantized else 0
    if n_quantized:
        buffers.append(f"signed char q[{n_quantized}];")
    if not plan.n_first:
        lines.insert(0, "(void)v;")
    arguments = f"const {real} *v, {'const int *at, ' if plan.fields.n_categories else ''}{real} *z"
    body = "\n".join("    " + line for line in [*buffers, *lines])
    writer.networks.append(f"static void {writer.name}_network_{i}({arguments})\n{{\n{body}\n}}\n")
    itemsize = np.dtype(plan.dtype).itemsize
    writer.frame = max(writer.frame, itemsize * (sizes["a"] + sizes["b"]) + n_quantized)


def _first_inputs(writer: Writer, i: int, network: PlannedNetwork) -> list[str]:
    """Return the statements that compute the inputs a of the first layer from v."""
    plan = writer.plan
    n, description = plan.fields.n_numbers, plan.description
    if not n:
        return []
    if network.centre is None:
        scale = "" if description.scale == 1 else f" * {writer.number(description.scale)}"
        value = f"v[i]{scale}"
    else:
        centre, rest, deviation = (
            writer.constant(f"{part}_{i}", values)
            for part, values in zip(
                ("centre", "rest", "deviation"),
                (network.centre, network.rest, network.deviation),
                strict=True,
            )
        )
        value = f"((v[i] - {centre}[i]) - {rest}[i]) / {deviation}[i]"
    lines = ["int i;", f"for (i = 0; i < {n}; i++) {{", f"    a[i] = {value};", "}"]
    if plan.bins is not None:
        bins = plan.bins
        constants = [writer.constant(f"bin_source_{i}", bins.sources, "int")] + [
            writer.constant(f"bin_{part}_{i}", getattr(bins, part))
            for part in ("lower", "factor", "low", "high")
        ]
        lines.append(writer.call("bins", len(bins.sources), *constants, "a", f"a + {n}"))
    if description.n_clipped:
        lines.append(writer.call("clip", description.n_clipped, "a"))
    return lines


def _layer(
    writer: Writer, place: str, layer: PlannedLayer, around: tuple[int, str, str], is_last: bool
) -> list[str]:
    """Return the statements of a layer; `around` are its number of inputs, its input and its output."""
    k, source, target = around
    n = len(layer.weight)
    weight = writer.constant(f"w_{place}", layer.weight)
    what = f"{k} -> {n}{f', {layer.norm} norm' if layer.norm else ''}{'' if is_last else f', {layer.activation}'}"
    lines = [f"/* layer {place.split('_')[1]}: {what}{', plus its input' if layer.residual else ''} */"]
    if layer.factors is None:
        lines.append(writer.call("dense", k, n, weight, source, target))
    else:
        factors = writer.constant(f"f_{place}", layer.factors)
        if k:
            assert layer.middle is not None
            stride = 0 if len(layer.middle) == 1 else 1
            middle, step = (
                writer.constant(f"middle_{place}", layer.middle),
                writer.constant(f"step_{place}", layer.step),
            )
            lines.append(writer.call("quantize", k, stride, middle, step, source, "q"))
        lines.append(writer.call("dense_int8", k, n, weight, factors, "q" if k else 0, target))
    if layer.table is not None:
        table = writer.constant(f"t_{place}", layer.table)
        function = "add" if layer.factors is None else "add_int8"
        more = [] if layer.factors is None else [factors]
        for c in range(len(writer.plan.fields.categorical)):
            call = writer.call(function, n, f"{table} + at[{c}] * {n}", *more, target)
            lines += [f"if (at[{c}] >= 0) {{", f"    {call}", "}"]
    if layer.norm is not None:
        lines.append(writer.call(f"{layer.norm}_norm", n, writer.constant(f"g_{place}", layer.gain), target))
    if layer.bias is not None:
        lines.append(writer.call("add", n, writer.constant(f"b_{place}", layer.bias), target))
    if not is_last:
        if layer.activation != "identity":
            lines.append(writer.call(layer.activation, n, target))
        if layer.residual:
            lines.append(writer.call("add", n, source, target))
    return lines


# ---- prediction


def _predict(writer: Writer) -> str:
    """Return the function that predicts."""
    plan, real, name = writer.plan, writer.real, writer.name
    fields = plan.fields
    declarations, lines = [f"{real} z[{plan.description.n_outputs}];"], list[str]()
    limit = "isfinite(x[i])" if plan.description.columns is None else "!isinf(x[i])"
    lines += [
        f"for (i = 0; i < {fields.n_inputs}; i++) {{",
        f"    if (!({limit})) {{",
        "        return -1;",
        "    }",
        "}",
    ]
    declarations.append("int i;")
    if plan.description.is_certain:
        return _function(writer, ["int i;", *lines, f"out[0] = {writer.number(1)};", "return 0;"])
    if plan.description.columns is None:
        declarations.append(f"const {real} *const v = x;")
    else:
        declarations.append(f"{real} v[{max(1, fields.n_numbers)}];")
        if not fields.n_numbers:
            lines.append(f"v[0] = {writer.number(0)};")
        if fields.n_categories:
            declarations.append(f"int at[{len(fields.categorical)}];")
        lines += _encoding(writer)
    runs = [f"{name}_network_{i}({_arguments(plan)});" for i in range(len(plan.networks))]
    more, found = result_lines(writer, runs)
    return _function(writer, [*declarations, *more, *lines, *found])


def _function(writer: Writer, lines: list[str]) -> str:
    body = "\n".join("    " + line for line in lines)
    return f"int {writer.name}_predict(const {writer.real} *x, {writer.real} *out)\n{{\n{body}\n}}\n"


def _encoding(writer: Writer) -> list[str]:
    """Return the statements that compute v and `at` from x."""
    lines, categories = [], 0
    for each in writer.plan.fields.fields:
        x, column = f"x[{each.start}]", each.column
        lines.append(f"/* {names.comment(each.title)} */")
        if isinstance(column, Categorical):
            n = len(column.categories)
            if each.is_text:
                call = writer.call("category", x, n, each.place, each.other)
            elif n:
                values = np.array(column.categories, writer.plan.dtype)
                call = writer.call(
                    "number",
                    x,
                    n,
                    writer.constant(f"categories_{each.start}", values),
                    each.place,
                    each.other,
                )
            lines.append(f"at[{categories}] = {call}")
            categories += 1
            continue
        means = column.means if isinstance(column, Date) else (column.mean,)  # type: ignore[union-attr]
        for i, mean in enumerate(means):
            offset = writer.plan.fields.offsets[each.place + i]
            less = f" - {writer.number(offset)}" if offset else ""
            given = f"x[{each.start + i}]{less}"
            lines.append(f"v[{each.place + i}] = isnan({x}) ? {writer.number(mean - offset)} : {given};")
        if each.indicator >= 0:
            lines.append(f"v[{each.indicator}] = isnan({x}) ? {writer.number(1)} : {writer.number(0)};")
    return lines


# ---- functions and constants for the caller


def _write_classes(writer: Writer) -> None:
    classes = writer.plan.description.classes
    if classes is not None:
        items = names.braces(names.text(label) for label in labels(classes))
        writer.others.append(f"const char *const {writer.name}_classes[{len(classes)}] = {items};\n")


def labels(classes: Array) -> list[Any]:
    """Return labels as text, or bytes."""
    return [label if isinstance(label, bytes) else str(label) for label in classes.tolist()]


def text_fields(plan: Plan) -> list[Field]:
    """Return the columns whose input is the index of a category."""
    return [each for each in plan.fields.categorical if each.is_text and each.column.categories]  # type: ignore[union-attr]


def _write_lookup(writer: Writer) -> None:
    """Write the function that looks up the index of a category."""
    columns = text_fields(writer.plan)
    if not columns:
        return
    writer.used.add("equal")
    name, cases = writer.name, []
    for each in columns:
        assert isinstance(each.column, Categorical)
        n, table = len(each.column.categories), f"{name}_names_{each.start}"
        items = names.braces(map(names.text, each.column.categories))
        writer.data.append(f"static const char *const {table}[{n}] = {items};\n")
        cases.append(f"    case {each.start}:\n        texts = {table};\n        n = {n};\n        break;")
    body = "\n".join(cases)
    writer.others.append(
        f"int {name}_category_index(int input, const char *text)\n{{\n    const char *const *texts = 0;\n"
        f"    int i, n = 0;\n    switch (input) {{\n{body}\n    default:\n        break;\n    }}\n"
        f"    for (i = 0; i < n; i++) {{\n        if ({name}_equal(texts[i], text)) {{\n            return i;\n"
        "        }\n    }\n    return -1;\n}\n"
    )


def date_fields(plan: Plan) -> list[Field]:
    """Return the columns of dates."""
    return [each for each in plan.fields.fields if isinstance(each.column, Date)]


def _write_dates(writer: Writer) -> None:
    """Write the function that sets the inputs of a date."""
    columns = date_fields(writer.plan)
    if not columns:
        return
    writer.used.add("date")
    name, cases = writer.name, []
    for each in columns:
        assert isinstance(each.column, Date)
        first = each.column.first
        literal = f"INT64_C({first})" if first >= 0 else f"-INT64_C({-first})"
        cases.append(f"    case {each.start}:")
        for i, part in enumerate(each.column.parts):
            cases.append(
                f"        x[{each.start + i}] = {name}_date_part({PARTS.index(part)}, microseconds, {literal});"
            )
        cases.append("        break;")
    body = "\n".join(cases)
    writer.others.append(
        f"void {name}_set_date({writer.real} *x, int input, int64_t microseconds)\n{{\n    switch (input) {{\n{body}\n"
        "    default:\n        break;\n    }\n}\n"
    )
