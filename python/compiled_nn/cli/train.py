"""The command ``train``: a network trained on data, in a file."""

from __future__ import annotations

import argparse
from collections.abc import Collection

from .support import arguments, values

ORDER = 10
SUMMARY = "train a network on data and save it"
EXAMPLES = (
    "train digits",
    "train fashion-mnist --layers 128 --epochs 10 --batch-size 128",
    "train churn.csv --target Churn",
    "train sales.csv --target amount --time date --interval 0.9",
)
USAGE = "DATA [-o MODEL]"
DESCRIPTION = """\
Train a model, print its score on test rows, which are not used in training, and
write it to a file: several networks whose predictions are averaged for a table,
otherwise one network.

If the file exists and contains a model, it is replaced; if it contains
something else, it is left unchanged and the command ends with an error. If
matplotlib is installed, the loss curve is drawn to a PNG file in the same
folder, which replaces an older one. Ctrl-C ends training early: the weights of
the last complete step, or those of the best epoch, are saved.

A table is taken as it is: its columns are numbers, categories or dates, with
gaps. Identifiers, free text and columns with one value are left out, which the
output names. The networks are those of TabularClassifier and TabularRegressor:
their number, width and epochs follow from the size of the table, and each keeps
the weights of its best epoch on rows that it holds out. In general each row is
held out by one network; the score "out-of-fold" is that of these predictions.
Options that only one network can have (--optimizer, --scale, --l1, --l2, and
--monitor with a metric) train one network with the same settings.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and options of the command."""
    data = arguments.add_data(parser)
    _add_columns(data)
    _add_output(parser.add_argument_group("output"))
    network = parser.add_argument_group("network")
    _add_architecture(network)
    _add_numbers(network)
    training = parser.add_argument_group("training")
    _add_steps(training)
    _add_members(training)
    _add_regularization(training)
    _add_validation(training)
    training.add_argument(
        "--seed", type=values.integer(0), default=0, help="seed of initial weights and shuffling (default: 0)"
    )
    arguments.add_threads(training)
    data.add_argument("--test-images", metavar="FILE", help="idx: file with the test samples")
    data.add_argument("--test-labels", metavar="FILE", help="idx: file with the labels of the test samples")
    data.add_argument(
        "--test-fraction",
        type=values.real(minimum=0, below=1),
        metavar="SHARE",
        help="share of all rows to use as test rows, drawn at random, with the same draw in every run; 0: no "
        "test rows (default: the test part of DATA; if it has none, 0.2, or 0 for fewer than 10 rows)",
    )
    arguments.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Train, save and report."""
    _check(options)
    from .learning.training import train

    return train(options)


def _check(options: argparse.Namespace) -> None:
    """Refuse options that contradict each other."""
    from ..losses import LOSSES

    if options.loss is not None and options.task != "auto":
        task = "classification" if LOSSES[options.loss].classifies else "regression"
        if task != options.task:
            options.parser.error(
                f"--loss {options.loss} is for {task}, which contradicts --task {options.task}; omit one of them"
            )
    if options.scale is not None and options.standardize:
        options.parser.error("--scale and --standardize exclude each other; omit one of them")
    if options.dropout and options.layers == ():
        options.parser.error(
            "--dropout applies to hidden layers, and there are none with --layers none; omit --dropout"
        )
    if options.plot is not None and options.no_plot:
        options.parser.error("--plot and --no-plot exclude each other; omit one of them")
    if options.time is not None and options.group is not None:
        options.parser.error("--time and --group exclude each other; omit one of them")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-o",
        "--output",
        metavar="MODEL",
        type=values.model,
        help="file for the network (default: the name of DATA with the ending .safetensors)",
    )
    group.add_argument(
        "--plot",
        metavar="FILE",
        type=values.file(".png", ".svg", ".pdf"),
        help="file for the loss curve: .png, .svg or .pdf (default: MODEL-loss.png)",
    )
    group.add_argument(
        "--report",
        metavar="FILE",
        type=values.file(".html"),
        help="file for a page about the model: .html; its pictures need matplotlib",
    )
    group.add_argument("--no-plot", action="store_true", help="do not draw the loss curve to a file")
    group.add_argument("-q", "--quiet", action="store_true", help="print errors and warnings only")


def _add_architecture(group: argparse._ArgumentGroup) -> None:
    from ..losses import LOSSES
    from ..spec.activations import ELEMENTWISE

    group.add_argument(
        "--layers",
        type=values.layers,
        metavar="UNITS",
        help='units of the hidden layers, or "none" (default: 128,64; for a table 128,128, or narrower ones within '
        "--budget)",
    )
    group.add_argument(
        "--activation",
        type=values.choice(ELEMENTWISE),
        help="activation of the hidden layers: " + _listed(ELEMENTWISE, "relu; for a table silu"),
    )
    group.add_argument(
        "--task",
        type=values.choice(("auto", "classification", "regression")),
        default="auto",
        help="classification, regression or auto: classification if the targets are text or a small number of "
        "different whole numbers (in a table, at most 20), also if written as 1.0, else regression (default: auto)",
    )
    group.add_argument(
        "--loss",
        type=values.choice(LOSSES),
        help=f"loss: {', '.join(LOSSES)} (default: binary_cross_entropy for two classes, softmax_cross_entropy "
        "for more, mse for regression)",
    )


def _add_numbers(group: argparse._ArgumentGroup) -> None:
    from ..spec.configuration import DTYPES, PRECISIONS

    group.add_argument(
        "--dtype",
        type=values.choice(DTYPES),
        default="float32",
        help="type of the weights: " + _listed(DTYPES, "float32"),
    )
    group.add_argument(
        "--precision",
        type=values.choice(PRECISIONS),
        default="float32",
        help="precision of the products: " + _listed(PRECISIONS, "float32"),
    )
    group.add_argument(
        "--scale",
        type=values.scale,
        help="factor for every feature, such as 1/255 (default: that of the data set; for 8-bit data, 1 / the "
        "largest number; else 1)",
    )
    group.add_argument(
        "--standardize",
        nargs="?",
        const=True,
        metavar="METHOD",
        type=values.scaling,
        help="centre and scale every feature, with statistics of the training rows: standard (mean and standard "
        "deviation; the default METHOD), robust (median and quartiles), standard_smooth_clip and "
        "robust_smooth_clip (the same, then clipped smoothly to -3..3), minmax (to 0..1) or none (default: "
        "standard_smooth_clip for the numbers of a table, else none)",
    )
    group.add_argument(
        "--scale-targets",
        action=argparse.BooleanOptionalAction,
        help="train on targets that are shifted and scaled to mean 0 and standard deviation 1; predictions are in "
        "the unit of the targets (default: yes for values, if the loss allows it)",
    )


def _add_steps(group: argparse._ArgumentGroup) -> None:
    from ..optimizers import OPTIMIZERS

    group.add_argument(
        "--epochs",
        type=values.integer(1),
        help="largest number of passes over the training rows (default: 30, or as many as 1,000 steps need; for a "
        "table 60, or as many as 500 steps need, but 300 at most, and fewer for many rows, within --budget)",
    )
    group.add_argument(
        "--batch-size",
        type=values.batch_size,
        help='number of rows per step, or "full" for all rows (default: 32; for a table 40, and for more than 2,000 '
        "rows 80 up to 640)",
    )
    group.add_argument(
        "--optimizer",
        type=values.choice(OPTIMIZERS),
        help="optimizer: " + _listed(OPTIMIZERS, "adam; for a table adamw with a rate that falls to 0"),
    )
    group.add_argument(
        "--learning-rate",
        type=values.real(above=0),
        help="learning rate, at first if it falls (default: that of the optimizer: adam 0.001, sgd 0.01; for a table "
        "without --optimizer 0.003, and more for larger batches)",
    )
    group.add_argument(
        "--time-limit",
        type=values.real(above=0),
        metavar="SECONDS",
        help="end training after this time, between two steps; the result depends on the machine (default: none)",
    )


def _add_members(group: argparse._ArgumentGroup) -> None:
    """Add the options of the networks of a table."""
    from ..spec.numeric_embeddings import NAMES

    group.add_argument(
        "--members",
        type=values.integer(1),
        metavar="N",
        help="table: number of networks whose predictions are averaged (default: 10, or "
        "5 and fewer for larger tables, within --budget)",
    )
    group.add_argument(
        "--budget",
        type=values.real(above=0),
        metavar="FACTOR",
        help="table: work of training relative to the default, which takes a few seconds for up to 20,000 rows. It is "
        "counted in operations, so that equal seeds give equal models on every machine (default: 1)",
    )
    group.add_argument(
        "--refit",
        action="store_true",
        help="table: train the networks again on all training rows, for the number of epochs that was the best",
    )
    group.add_argument(
        "--numeric-embeddings",
        type=values.choice((*NAMES, "none")),
        metavar="NAME",
        help=f"encoding of the columns of numbers: {', '.join(NAMES)} or none (default: piecewise_linear for a table "
        "of 100 rows or more, else none)",
    )


def _add_regularization(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--l1", type=values.real(minimum=0), default=0.0, help="penalty l1 * sum(|W|) (default: 0)"
    )
    group.add_argument(
        "--l2", type=values.real(minimum=0), default=0.0, help="penalty l2/2 * sum(W**2) (default: 0)"
    )
    group.add_argument(
        "--dropout",
        type=values.real(minimum=0, below=1),
        metavar="P",
        help="probability that an output of a hidden layer is set to 0 in training (default: 0; for a table 0.15 for "
        "classes)",
    )
    group.add_argument(
        "--class-weight",
        type=values.class_weight,
        metavar="WEIGHTS",
        help="weights of classes: balanced (all classes have the same total weight, whatever their numbers of rows), "
        "or as in yes=3,no=1 (default: 1 for each row)",
    )


def _add_validation(group: argparse._ArgumentGroup) -> None:
    from ..metrics.scorers import METRICS

    group.add_argument(
        "--early-stopping",
        type=values.patience,
        metavar="EPOCHS",
        help="hold out some training rows, stop when --monitor has not improved on them for EPOCHS epochs, and keep "
        "the best weights; or none: hold out no rows (default: for a table of 20 rows or more 10, or as many as 100 "
        "steps need, or for one network a quarter of the epochs, but 20 at least; else none)",
    )
    group.add_argument(
        "--validation-fraction",
        type=values.real(above=0, below=1),
        metavar="SHARE",
        help="share of the training rows to hold out for --early-stopping, --calibrate and --interval; of a table, at "
        "random for each network (default: 0.1; for a table each row once, in folds, or 0.2)",
    )
    group.add_argument(
        "--metric",
        type=values.choices(METRICS),
        action="append",
        metavar="NAMES",
        help="metrics to report, separated by commas, such as roc_auc,log_loss or mae",
    )
    group.add_argument(
        "--monitor",
        type=values.choice(("loss", "score", *METRICS)),
        metavar="NAME",
        help="what --early-stopping compares: loss, score (accuracy or R^2) or the name of a metric (default: loss)",
    )
    group.add_argument(
        "--calibrate",
        action="store_true",
        default=None,
        help="correct the probabilities of classes by a temperature that fits the held-out training rows; of a table, "
        "those of each network",
    )
    group.add_argument(
        "--interval",
        type=values.real(above=0, below=1),
        metavar="COVERAGE",
        help="add intervals to predicted values, or sets of classes, that contain the truth with this probability, "
        "such as 0.9, by the errors on the held-out training rows; those of a table are the out-of-fold predictions",
    )


def _add_columns(group: argparse._ArgumentGroup) -> None:
    for option, use in (
        ("categorical", "columns to take as categories, also if they are numbers"),
        ("numeric", "columns to take as numbers"),
        ("date", "columns to take as dates"),
        ("ignore", "columns to leave out"),
    ):
        group.add_argument(
            f"--{option}",
            action="append",
            metavar="COLUMNS",
            help=f"table: {use}: names or numbers from 0, separated by commas; a name with a comma in double quotes; "
            "may be given several times (default: determined from the values)",
        )
    for option, use in (
        ("time", "column of dates or numbers by which the last rows become the test rows"),
        ("group", "column of groups, such as customers, of which whole ones become the test rows"),
        ("weight", "column with the weight of each row in training; printed scores are not weighted"),
    ):
        group.add_argument(
            f"--{option}",
            type=values.column,
            metavar="COLUMN",
            help=f"table: {use}; it is not a feature"
            + (", unless another option gives its type" if option != "weight" else ""),
        )


def _listed(names: Collection[str], default: str) -> str:
    return f"{', '.join(names)} (default: {default})"
