"""Page about a model that train has made."""

from __future__ import annotations

from argparse import Namespace

from ...files import places
from ...report import subject, writing
from . import plan_text
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
    n, why = plan_text.members(plan), plan_text.choices(plan)
    details = {
        "command": options.command_line,
        "data": plan_text.data(plan),
        **({} if plan.material.columns is None else {"columns": plan_text.columns(plan)}),
        "rows": plan_text.rows(plan),
        "network" if n is None else f"{n} networks": plan_text.network(plan),
        "training": f"{plan_text.method(plan, options.seed)}; {plan_text.stopping(plan)}",
        **({} if why is None else {"settings": why}),
        "model": plan.model,
    }
    about = subject.make(
        plan.net,
        test.X,
        test.y,
        fitted.X,
        fitted.y,
        names,
        plan.metrics,
        watched={"val": "validation"}.get(plan.watched, plan.watched),
        fitted_rows=plan_text.fitted_rows(plan),
        shows_code=False,
    )
    page = writing.compose(about, f"Report of {plan.material.name}", options.interval, details)
    places.write(options.report, [page.encode()])
