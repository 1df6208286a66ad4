"""Accuracy of a network trained and predicted in float32 and in narrower types, on Fashion-MNIST.

Examples::

    python benchmarks/precision.py                          five seeds: minutes
    python benchmarks/precision.py --seeds 1 --epochs 2     smoke test

For each seed, 784-512-512-10 is trained with Adam in float32 and in bfloat16, from the same weights and in the same
order of rows. The float32 network is also quantised to int8, with training rows for the ranges. The program prints a
Markdown table.
"""

import argparse
import time
from statistics import mean

import compiled_nn as cnn
from compiled_nn.datasets import load_fashion_mnist
from report import make_table

HIDDEN, CALIBRATION = 512, 2000


def parse_arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description="Compare the accuracy of precisions on Fashion-MNIST.")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of training (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="number of threads (default: %(default)s)")
    return parser.parse_args()


def train(
    precision: str, seed: int, arguments: argparse.Namespace, data: object
) -> tuple[cnn.Network, float]:
    """Return a trained network, and the seconds of its training.

    Parameters
    ----------
    precision : str
        Precision of the products, ``"float32"`` or ``"bfloat16"``.
    seed : int
        Seed of the weights and of the order of the rows.
    arguments : argparse.Namespace
        Parsed command line.
    data : Dataset
        Fashion-MNIST.
    """
    net = cnn.Network(
        [cnn.Dense(HIDDEN, "relu"), cnn.Dense(HIDDEN, "relu"), cnn.Dense(10)],
        optimizer=cnn.Adam(1e-3),
        input_scale=data.input_scale,
        precision=precision,
        seed=seed,
        n_threads=arguments.threads,
    )
    start = time.perf_counter()
    net.fit(data.X_train, data.y_train, epochs=arguments.epochs, batch_size=128)
    return net, time.perf_counter() - start


def main() -> None:
    """Train, score and print the table."""
    arguments, data = parse_arguments(), load_fashion_mnist()
    rows, seconds = [], {"float32": 0.0, "bfloat16": 0.0}
    for seed in range(arguments.seeds):
        scores = []
        for precision in seconds:
            net, elapsed = train(precision, seed, arguments, data)
            seconds[precision] += elapsed
            scores.append(100 * net.score(data.X_test, data.y_test))
            if precision == "float32":
                narrow = net.quantize(data.X_train[:CALIBRATION])
                scores.append(100 * narrow.score(data.X_test, data.y_test))
        rows.append(scores)
        print(f"seed {seed}: {', '.join(f'{score:.2f}' for score in scores)}", flush=True)
    cells = [[str(seed), *(f"{score:.2f}" for score in scores)] for seed, scores in enumerate(rows)]
    means = [mean(column) for column in zip(*rows, strict=True)]
    cells.append(["mean", *(f"{score:.2f}" for score in means)])
    cells.append(["mean difference", *(f"{score - means[0]:+.2f}" for score in means)])
    print(*make_table(["seed", "float32, %", "int8", "bfloat16"], cells), sep="\n")
    print(f"Seconds of training, float32 divided by bfloat16: {seconds['float32'] / seconds['bfloat16']:.2f}")


if __name__ == "__main__":
    main()
