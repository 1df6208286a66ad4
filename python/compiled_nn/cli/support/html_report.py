"""Page about a model that train has made."""

from __future__ import annotations

from argparse import Namespace

from ... import report
from .plan import Plan


def write(plan: Plan, options: Namespace) -> None:
    """Write the page of `--report`.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    parts = plan.parts
    fitted, test = parts.fitted, parts.test
    classes = plan.net.classes_ if plan.classifies else ()
    names = plan.material.class_names if len(plan.material.class_names) == len(classes) else None
    details = {
        "command": options.command_line,
        "data": f"{plan.material.name}: {len(fitted):,} rows to train on, {len(test):,} to test with",
        "task": f"{len(classes)} classes" if plan.classifies else "values",
        "split": _split(plan),
        "model": plan.model,
        "seed": options.seed,
    }
    report.write(
        options.report,
        plan.net,
        test.X,
        test.y,
        X_train=fitted.X,
        y_train=fitted.y,
        coverage=options.interval,
        class_names=names,
        title=plan.material.name,
        details=details,
    )


def _split(plan: Plan) -> str:
    """Return the description of how the rows were divided."""
    kept = len(plan.parts.validation)
    validation = f"; {kept:,} of the rows to train on decide when to stop" if kept else ""
    split = plan.parts.split
    if split is None:
        return f"test rows of the data set{validation}"
    facts = ", ".join(f"{name} {value}" for name, value in split.items() if value not in (None, False))
    return f"{facts}{validation}"
