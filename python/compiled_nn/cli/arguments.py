"""The command line of compiled-nn: commands, options, help. What they do is in `cli`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection, Sequence

from .._version import __version__
from ..common.errors import did_you_mean
from ..losses import LOSSES
from ..optimizers.registry import OPTIMIZERS
from ..spec.activations import ELEMENTWISE
from ..spec.configuration import DTYPES, SCALINGS
from . import values
from .tutorial import TUTORIALS
from .workloads import WORKLOADS

_EXAMPLES = """\
examples:
  compiled-nn train digits                   1,797 digits, in the package
  compiled-nn train fashion-mnist --layers 128 --epochs 10 --batch-size 128
  compiled-nn train iris.csv --target species -o iris.safetensors
  compiled-nn evaluate digits.safetensors digits
  compiled-nn predict iris.safetensors new.csv --proba -o probabilities.csv
  compiled-nn info digits.safetensors --json
  compiled-nn bench --only T6,I2 --threads 1
  compiled-nn tutorial xor --out pictures

exit codes:
  0    done
  1    error in data or model
  2    wrong usage
  130  interrupted; training has saved the weights of the last whole step
  141  the reader of the output has gone away
"""
_DATA_HELP = (
    "digits, xor, mnist, fashion-mnist; a CSV or .npz file; a folder with the files of an idx set, or one "
    "idx file of samples with --labels. The content of a file tells its format"
)
_WORKLOADS = tuple(name for name, workload in WORKLOADS.items() if workload.kind != "run")
_BENCHED = ("T1", "T5", "T6", "T7", "T8", "I1", "I2", "I3", "I4", "I5", "I7")
_TRAIN_HELP = """\
Train a network, tell how good it is on rows it has not seen, and write it to
a file.

The file is replaced if it holds a network; any other file of that name is left
alone, with an error. With matplotlib installed, the loss curve is drawn to a
PNG file beside it, replacing one of that name. Ctrl-C stops early: the weights
of the last whole step are tested and saved.
"""
_TUTORIAL_HELP = """\
Train the network of a published text on the text's own data, print its lines
and draw its pictures, for which it takes matplotlib. Nothing is downloaded:
where data are not on this machine, the message says which, and where they
come from.

tutorials:
""" + "\n".join(f"  {name:<9}{summary}" for name, summary in TUTORIALS.items())
_PREDICT_HELP = """\
Write the label or value that the network predicts for each row, as CSV under a
header line. An existing output file is replaced.

A CSV file may have one column more than the network takes: the last one, or the
--target, is then left out.
"""
_BENCH_HELP = """\
Measure this machine and what compiled-nn makes of it: how many multiply-adds it
does a second, how fast it reads, then an epoch of training (T) or a prediction
(I) of the networks that --only names, on random data. The limit is the time in
which the arithmetic, or the reading, can be done at best.
"""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of a command line; on wrong usage, print it and raise SystemExit(2)."""
    parser = argparse.ArgumentParser(
        prog="compiled-nn",
        description="Train and use dense neural networks on the CPU.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"compiled-nn {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for name, arguments, summary, description, add_options in (
        ("train", "DATA [-o MODEL]", "train a network on data and save it", _TRAIN_HELP, _add_train),
        ("predict", "MODEL DATA [-o FILE]", "predict labels or values for data", _PREDICT_HELP, _add_predict),
        ("evaluate", "MODEL DATA", "loss, score and confusion table on labelled data", "", _add_evaluate),
        ("info", "MODEL", "what a saved network is; takes no data", "", _add_info),
        ("bench", "", "how fast this machine trains and predicts", _BENCH_HELP, _add_bench),
        ("tutorial", "NAME", "train a tutorial's network on its own data", _TUTORIAL_HELP, _add_tutorial),
    ):
        command = commands.add_parser(
            name,
            usage=" ".join(filter(None, ("compiled-nn", name, arguments, "[options]"))),
            help=summary,
            description=description or summary.capitalize() + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_options(command)
        if name != "tutorial":  # whose lines are its text's
            command.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
        command.set_defaults(parser=command)
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        known = set(re.findall(r"--[a-z][a-z0-9-]*", options.parser.format_help()))
        hint = did_you_mean(unknown[0].partition("=")[0], known) if unknown[0].startswith("--") else ""
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}.{hint}")
    _check(options)
    return options


def parse_script(description: str | None) -> argparse.Namespace:
    """Return the options of an example that runs as a program; on wrong usage, print it and raise SystemExit(2)."""
    parser = argparse.ArgumentParser(description=description)
    _add_example(parser)
    return parser.parse_args()


def _check(options: argparse.Namespace) -> None:
    """Refuse options that contradict each other, or lack one."""
    if options.command == "tutorial" and options.name is None and not options.list:
        options.parser.error(f"give the NAME of a tutorial: {', '.join(TUTORIALS)}")
    if options.command != "train":
        return
    if options.loss is not None and options.task != "auto":
        task = "classification" if LOSSES[options.loss].classifies else "regression"
        if task != options.task:
            options.parser.error(f"--loss {options.loss} is for {task}; --task says {options.task}")
    if options.scale is not None and options.standardize:
        options.parser.error("--scale and --standardize exclude each other")
    if options.dropout and not options.layers:
        options.parser.error("--dropout is for hidden layers; --layers says none")
    if options.plot is not None and options.no_plot:
        options.parser.error("--plot and --no-plot exclude each other")


# ---- the commands


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA", help=_DATA_HELP)
    output = parser.add_argument_group("output")
    output.add_argument(
        "-o", "--output", metavar="MODEL", help="file of the network (default: DATA's name, .safetensors)"
    )
    output.add_argument(
        "--plot",
        metavar="FILE",
        type=values.file(".png", ".svg", ".pdf"),
        help="file of the loss curve: .png, .svg or .pdf (default: MODEL-loss.png)",
    )
    output.add_argument("--no-plot", action="store_true", help="draw no file of the loss curve")
    output.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")
    _add_network(parser.add_argument_group("network"))
    training = parser.add_argument_group("training")
    training.add_argument(
        "--epochs",
        type=values.integer(1),
        help="passes over the data (default: 30, and at least 1,000 steps)",
    )
    training.add_argument(
        "--batch-size", type=values.batch_size, default=32, help='rows of one step, or "full" (default: 32)'
    )
    training.add_argument(
        "--optimizer", type=values.choice(OPTIMIZERS), default="adam", help=_listed(OPTIMIZERS, "adam")
    )
    training.add_argument(
        "--learning-rate", type=values.real(above=0), help="default: the optimizer's (adam 0.001, sgd 0.01)"
    )
    training.add_argument("--l1", type=values.real(minimum=0), default=0.0, help="penalty l1 * sum(|W|)")
    training.add_argument("--l2", type=values.real(minimum=0), default=0.0, help="penalty l2/2 * sum(W**2)")
    training.add_argument(
        "--class-weight",
        type=values.choice(("balanced",)),
        metavar="balanced",
        help="let all classes count the same, however many rows each has",
    )
    training.add_argument(
        "--early-stopping",
        type=values.integer(1),
        metavar="EPOCHS",
        help="keep a tenth of the rows to train on back, stop when the loss on them has not fallen for so many "
        "epochs, and take the weights of the best one",
    )
    training.add_argument(
        "--seed", type=values.integer(0), default=0, help="of weights and shuffling (default: 0)"
    )
    _add_threads(training)
    data = _add_data(parser)
    data.add_argument("--test-images", metavar="FILE", help="idx file of samples to test with")
    data.add_argument("--test-labels", metavar="FILE", help="idx file of their labels")
    data.add_argument(
        "--test-fraction",
        type=values.real(minimum=0, below=1),
        metavar="SHARE",
        help="share of all rows to test with, split at random but always the same; 0: none (default: the "
        "test part that the data come with, else 0.2, and none of fewer than 10 rows)",
    )


def _add_network(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--layers",
        type=values.layers,
        default=(128, 64),
        metavar="UNITS",
        help="units of the hidden layers, or none (default: 128,64)",
    )
    group.add_argument(
        "--activation",
        type=values.choice(ELEMENTWISE),
        default="relu",
        help="of the hidden layers: " + _listed(ELEMENTWISE, "relu"),
    )
    group.add_argument(
        "--dropout",
        type=values.real(minimum=0, below=1),
        default=0.0,
        metavar="P",
        help="probability with which each output of a hidden layer is left out in training (default: 0)",
    )
    tasks = ("auto", "classification", "regression")
    group.add_argument(
        "--task",
        type=values.choice(tasks),
        default="auto",
        help="auto: text and few different whole numbers are classes, other numbers are values",
    )
    group.add_argument(
        "--loss",
        type=values.choice(LOSSES),
        help=f"{', '.join(LOSSES)} (default: binary for two classes, softmax for more, mse for values)",
    )
    group.add_argument(
        "--dtype", type=values.choice(DTYPES), default="float32", help=_listed(DTYPES, "float32")
    )
    group.add_argument(
        "--scale",
        type=values.scale,
        help="number that multiplies every feature, such as 1/255 (default: the data set's own; what brings "
        "8-bit data to 0..1; else 1)",
    )
    group.add_argument(
        "--standardize",
        nargs="?",
        const=True,
        default=False,
        metavar="METHOD",
        type=values.choice(SCALINGS),
        help="centre and scale every feature instead, as learned from the rows to train on: standard (mean and "
        "standard deviation; when no METHOD is named), robust (median and quartiles), minmax (0 to 1)",
    )


def _add_predict(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument("data", metavar="DATA", help=_DATA_HELP + ". Labels need not be there")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=values.file(".csv", ".npy"),
        help=".csv or .npy (default: CSV to stdout)",
    )
    parser.add_argument("--proba", action="store_true", help="write the probability of each class instead")
    _add_part(_add_data(parser))
    _add_threads(parser)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument("data", metavar="DATA", help=_DATA_HELP)
    _add_part(_add_data(parser))
    _add_threads(parser)


def _add_info(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only",
        type=values.choices(_WORKLOADS),
        default=_BENCHED,
        metavar="T1,I2",
        help=f"of {', '.join(_WORKLOADS)} (default: {','.join(_BENCHED)})",
    )
    parser.add_argument(
        "--seconds",
        type=values.real(above=0),
        default=1.0,
        help="to spend on each, but at least three calls (default: 1)",
    )
    _add_threads(parser)


def _add_tutorial(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", nargs="?", type=values.choice(TUTORIALS), help=", ".join(TUTORIALS)
    )
    parser.add_argument("--list", action="store_true", help="print the tutorials, and train none")
    _add_example(parser)


def _add_example(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="folder of the data (default: as COMPILED_NN_DATA says, or the system's)",
    )
    parser.add_argument(
        "--out", metavar="DIR", default=".", help="folder for the pictures (default: this one)"
    )
    parser.add_argument(
        "--seed", type=values.integer(0), help="of the initial weights (default: the tutorial's own)"
    )
    parser.add_argument(
        "--epochs", type=values.integer(1), help="passes over the data (default: the tutorial's own)"
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="file that compiled-nn train or Network.save wrote")


def _add_data(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("data")
    group.add_argument("--data", dest="folder", metavar="DIR", help="folder of mnist or fashion-mnist")
    group.add_argument(
        "--target",
        type=values.target,
        metavar="COLUMN",
        help="CSV: column of the target: its number from 0 (negative: from the end) or name (default: -1)",
    )
    group.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="CSV: whether the first line names the columns (default: seen from the file)",
    )
    group.add_argument("--delimiter", metavar="CHAR", type=values.character, help='CSV: default ","')
    group.add_argument("--labels", metavar="FILE", help="idx file of the labels of DATA")
    return group


def _add_part(group: argparse._ArgumentGroup) -> None:
    parts = ("train", "test", "all")
    group.add_argument(
        "--part",
        type=values.choice(parts),
        help="rows to use: train, test or all (default: test if DATA come with a test part, else all)",
    )


def _add_threads(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    parser.add_argument(
        "--threads", type=values.integer(1), help="default: the processors this process may use"
    )


def _listed(names: Collection[str], default: str) -> str:
    return f"{', '.join(names)} (default: {default})"
