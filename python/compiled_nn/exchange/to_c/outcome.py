"""C statements from the outputs of the networks to the results: mean, link, probabilities, units of y."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .plan import Plan
    from .writer import Writer

Statements = tuple[list[str], list[str]]  # declarations, and what follows them


def n_out(plan: Plan) -> int:
    """Return the number of results of a row."""
    description = plan.description
    if description.classes is None or description.kind == "indicator":
        return description.n_outputs
    return len(description.classes)


def result_lines(writer: Writer, runs: list[str]) -> Statements:
    """Return declarations, and the statements from the calls of the networks to the return of the function."""
    description = writer.plan.description
    if description.loss.ordered:
        return _ordered(writer, runs)
    if description.classes is not None:
        return _classes(writer, runs)
    return _values(writer, runs)


def _loop(n: int, *lines: str) -> list[str]:
    return [f"for (i = 0; i < {n}; i++) {{", *("    " + line for line in lines), "}"]


def _checked(writer: Writer, n: int) -> list[str]:
    writer.used.add("finite")
    return [f"if (!{writer.name}_finite({n}, out)) {{", "    return -2;", "}"]


def _weighted(writer: Writer, i: int, n: int, value: str, target: str = "out") -> list[str]:
    """Return the statements that add the weighted form of network i to the mean, or set it for the first."""
    weights = writer.plan.description.weights
    if len(weights) == 1:
        return _loop(n, f"{target}[i] = {value};")
    sign = "=" if i == 0 else "+="
    return _loop(n, f"{target}[i] {sign} {writer.number(weights[i])} * ({value});")


def _ordered(writer: Writer, runs: list[str]) -> Statements:
    n, lines = writer.plan.description.n_outputs, []
    for i, run in enumerate(runs):
        lines += [run, writer.call("exceedance", n, "z"), *_weighted(writer, i, n, "z[i]", "above")]
    half, one = writer.number(0.5), writer.number(1)
    lines += [
        *_loop(n, f"found += above[i] >= {half};"),
        f"out[0] = {one} - above[0];",
        *[f"out[{k}] = above[{k - 1}] - above[{k}];" for k in range(1, n)],
        f"out[{n}] = above[{n - 1}];",
    ]
    return [f"{writer.real} above[{n}];", "int found = 0;"], [
        *lines,
        *_checked(writer, n + 1),
        "return found;",
    ]


def _classes(writer: Writer, runs: list[str]) -> Statements:
    description = writer.plan.description
    n, single = description.n_outputs, description.n_outputs == 1
    declarations: list[str] = []
    if len(runs) > 1 and description.temperature != 1:
        declarations, lines = _log_mean(writer, runs)
        runs = [""]
    else:
        lines = []
    for i, run in enumerate(runs):
        lines += [run] if run else []
        if single:
            lines += ["p[0] = -z[0];", "p[1] = z[0];", writer.call("sigmoid", 2, "p")]
        else:
            lines.append(writer.call(description.link, n, "z"))
        each = "p[i]" if single else "z[i]"
        if run:
            lines += _weighted(writer, i, n_out(writer.plan), each)
        else:
            lines += _loop(n_out(writer.plan), f"out[i] = {each};")
    if single:
        declarations.append(f"{writer.real} p[2];")
    lines += _checked(writer, n_out(writer.plan))
    if description.kind == "indicator":
        return declarations, [*lines, "return 0;"]
    if single:
        return declarations, [*lines, f"return out[1] >= {writer.number(0.5)};"]
    writer.used.add("largest")
    return declarations, [*lines, f"return {writer.name}_largest({n}, out);"]


def _log_mean(writer: Writer, runs: list[str]) -> Statements:
    """Return the statements that set z to logits whose link is the mean probability, divided by the temperature."""
    description, name = writer.plan.description, writer.name
    n, softmax, lines = description.n_outputs, description.link == "softmax", []
    parts = ["yes"] if softmax else ["yes", "no"]
    writer.used.add("log_add")
    for i, run in enumerate(runs):
        share = writer.number(math.log(description.weights[i]))
        lines.append(run)
        if softmax:
            lines.append(writer.call("log_softmax", n, "z"))
            logs = ["z[i]"]
        else:
            writer.used.add("log_sigmoid")
            logs = [f"{name}_log_sigmoid(z[i])", f"{name}_log_sigmoid(-z[i])"]
        values = [f"{share} + {log}" for log in logs]
        if i:
            values = [
                f"{name}_log_add({part}[i], {value})" for part, value in zip(parts, values, strict=True)
            ]
        lines += _loop(n, *[f"{part}[i] = {value};" for part, value in zip(parts, values, strict=True)])
    logit = "yes[i]" if softmax else "(yes[i] - no[i])"
    lines += _loop(n, f"z[i] = {logit} / {writer.number(description.temperature)};")
    return [f"{writer.real} {', '.join(f'{part}[{n}]' for part in parts)};"], lines


def _values(writer: Writer, runs: list[str]) -> Statements:
    description = writer.plan.description
    n, loss = description.n_outputs, description.loss.name
    lines: list[str] = []
    declarations: list[str] = []
    units = description.factor is not None and description.shift is not None
    if units:
        factor = writer.constant("factor", np.asarray(description.factor, np.float64))
        shift = writer.constant("shift", np.asarray(description.shift, np.float64))
    for i, run in enumerate(runs):
        lines.append(run)
        if description.link != "identity":
            lines.append(writer.call(description.link, n, "z"))
        if units:
            lines += _loop(n, f"z[i] = z[i] * {factor}[i] + {shift}[i];")
        if loss == "quantile":
            lines.append(writer.call("sort", n, "z"))
        if loss == "gaussian_nll" and len(runs) > 1:
            lines += _moments(writer, i, n // 2)
        else:
            lines += _weighted(writer, i, n, "z[i]")
    if loss == "gaussian_nll":
        half, exp, root = writer.number(0.5), writer.fill("F(exp)"), writer.fill("F(sqrt)")
        if len(runs) == 1:
            lines += _loop(n // 2, f"out[{n // 2} + i] = {exp}({half} * out[{n // 2} + i]);")
        else:
            declarations.append(f"{writer.real} first[{n // 2}];")
            d = "out[i] - first[i]"
            lines += _loop(
                n // 2,
                f"const {writer.real} variance = out[{n // 2} + i] - ({d}) * ({d});",
                f"out[{n // 2} + i] = {root}(variance > {writer.number(0)} ? variance : {writer.number(0)});",
            )
    return declarations, [*lines, *_checked(writer, n), "return 0;"]


def _moments(writer: Writer, i: int, n: int) -> list[str]:
    """Return the statements for means, and second moments about the means of the first network."""
    exp = writer.fill("F(exp)")
    begin = _loop(n, "first[i] = z[i];") if i == 0 else []
    second = f"{exp}(z[{n} + i]) + (z[i] - first[i]) * (z[i] - first[i])"
    weight, sign = writer.number(writer.plan.description.weights[i]), "=" if i == 0 else "+="
    return [
        *begin,
        *_loop(n, f"out[i] {sign} {weight} * z[i];", f"out[{n} + i] {sign} {weight} * ({second});"),
    ]
