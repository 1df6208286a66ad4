"""Sections of the page, each of a subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import plotting
from ..common.errors import count
from . import columns, page, pictures, scores
from .subject import Subject

_MOST_DEPENDENT = 4  # columns whose partial dependence is drawn
_MOST_IN_TABLE = 30  # columns in the table of importances
_NAMED = 3  # columns in the lead


def lead(subject: Subject, found: list[scores.Score]) -> str:
    """Return the paragraph that says how good the model is, compared with what, on which rows, and by which columns."""
    said = []
    if subject.part == "training":
        said.append("There are no test rows: the scores are those of rows that were trained on.")
    if found:
        first, values = found[0], found[0].cells()[1:]
        said.append(
            f"On {subject.scored_rows}, the {first.title} is {values[0]}; with {scores.constant(subject)} for each row "
            f"it is {values[1]}."
        )
    result = subject.importances
    order = [] if result is None else [i for i in result.order.tolist() if result.importances_mean[i] > 0]
    top = [] if result is None else [result.feature_names[i] for i in order[:_NAMED]]
    if top:
        said.append(f"The most important column{'s are' if len(top) > 1 else ' is'} {_listed(top)}.")
    return page.paragraph(" ".join(said), "lead")


def score_table(subject: Subject, found: list[scores.Score], coverage: str) -> str:
    """Return the section of the scores beside those of a constant prediction."""
    from_ = "" if subject.y_train is None else f", which follows from {subject.training_rows}"
    caption = f"{subject.scored_rows}, beside a constant prediction{from_}"
    head = ("score", "model", scores.constant(subject))
    table = page.table(
        head, [score.cells() for score in found], caption=caption, kinds=("", "number", "number")
    )
    return page.section("Scores", table if found else "", page.paragraph(coverage))


def made(subject: Subject, details: Mapping[str, Any]) -> str:
    """Return the section of how the model was made."""
    table = [[name, value] for name, value in details.items()]
    if subject.y_train is not None and "rows" not in details:
        table.append(["training rows", f"{len(subject.y_train):,}"])
    return page.section("How it was made", page.table((), table))


def data(subject: Subject) -> str:
    """Return the section of the columns."""
    is_test = subject.X_train is None
    X = subject.X if is_test else subject.X_train
    rows, note = columns.describe(subject.network, X)
    caption = f"Values of {subject.scored_rows if is_test else subject.training_rows}"
    table = page.table(
        columns.HEAD, rows, caption=caption, kinds=("", "word", "word", "range", ""), stacked=True
    )
    return page.section("Columns", table if rows else "", page.paragraph(note, "note"))


def training(subject: Subject) -> str:
    """Return the section of the loss by epoch."""
    history = getattr(subject.network, "history", None)
    if not history or not history["epoch"]:
        return ""
    epochs, best = len(history["epoch"]), getattr(subject.network, "best_epoch_", None)
    said = f"{count(epochs, 'epoch')}; the last training loss is {history['loss'][-1]:.4g}."
    if best is not None:
        said += f" The weights are those of epoch {best:,}, the best one."
    drawn = []
    if pictures.available():
        draw, network, label = plotting.LossCurveDisplay.from_estimator, subject.network, subject.watched
        drawn.append(pictures.figure("loss", lambda: draw(network, val_label=label), "Loss by epoch."))
    return page.section("Training", page.paragraph(said), page.figures(drawn))


def importance(subject: Subject) -> str:
    """Return the section of the importances of the columns, and of what the prediction does over the top ones."""
    result = subject.importances
    if result is None:
        return page.section(
            "Importance", page.paragraph("Importances need at least 2 rows, and 2 classes or values.")
        )
    if not result.feature_names:
        return page.section("Importance", page.paragraph("The model uses no column."))
    names, mean, std = result.feature_names, result.importances_mean, result.importances_std
    shown = result.order[:_MOST_IN_TABLE].tolist()
    numbers = scores.aligned([*mean[shown].tolist(), *std[shown].tolist()])
    pairs = zip(shown, numbers, numbers[len(shown) :], strict=False)
    rows = [[names[i], number, deviation] for i, number, deviation in pairs]
    metric = scores.title(result.metric)
    said = (
        f"How much worse the {metric} becomes if the values of one column are shuffled among the rows: mean and "
        f"standard deviation of {count(result.importances.shape[1], 'repeat')}. On {subject.rows_of_sample}, it is "
        f"{scores.aligned([result.score])[0]} for the rows as they are."
    )
    table = page.table(("column", "importance", "standard deviation"), rows, kinds=("", "number", "number"))
    rest = len(names) - len(shown)
    table += page.paragraph(
        f"{count(rest, 'further column')} with a smaller importance." if rest else "", "note"
    )
    if not pictures.available():
        return page.section("Importance", page.paragraph(said), table)
    display = plotting.PermutationImportanceDisplay.from_importances
    drawn = [pictures.figure("importance", lambda: display(result), "Importance of the columns."), table]
    if subject.kind in ("classes", "value"):
        top = [subject.used[i] for i in shown[:_MOST_DEPENDENT] if mean[i] > 0]
        drawn += [_dependence(subject, i, names[subject.used.index(i)]) for i in top]
    return page.section("Importance", page.paragraph(said), page.figures(drawn))


def model(subject: Subject) -> str:
    """Return the section of the layers and the parameters."""
    head, *layers = subject.network.summary().rows()
    cells = [[f"{int(cell):,}" if cell.isdecimal() else cell for cell in layer] for layer in layers]
    # The first column has the numbers of layers or, for an ensemble, of networks.
    cells = [[f"{head[0]} {first}" if first.isdecimal() else first, *rest] for first, *rest in cells]
    facts = [["parameters", f"{subject.network.n_parameters:,}"]]
    if subject.shows_code:
        facts.append(["in Python", repr(subject.model)])
    kinds = ("", *["number"] * (len(head) - 1))
    table = page.table(
        head, cells, kinds=kinds, caption="Networks" if head[0] == "member" else "Layers", stacked=True
    )
    return page.section("Model", page.table((), facts), table)


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _dependence(subject: Subject, i: int, name: str) -> str:
    """Return the figure of the prediction over one column."""

    def draw() -> Any:
        options: dict[str, Any] = {"class_names": subject.class_names} if subject.class_names else {}
        return plotting.PartialDependenceDisplay.from_estimator(
            subject.model, subject.sample[0], i, **options
        )

    return pictures.figure(
        f"dependence{i}", draw, f"Mean prediction if {name} has the same value in all rows."
    )
