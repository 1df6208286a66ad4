"""Networks of the tutorials on their data: accuracy from five initial weights, and speed compared with NumPy.

    python benchmarks/tutorials.py accuracy
    python benchmarks/tutorials.py end --only fashion
    unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
    OPENBLAS_NUM_THREADS=1 chrt -f 10 taskset -c 1 python benchmarks/tutorials.py time

`compiled_nn.datasets` finds the data (COMPILED_NN_DATA); a tutorial whose data are missing is skipped. The initial
weights W (units, inputs) are drawn from `RandomState(seed)`, layer by layer.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise
from typing import Any

import compiled_nn as cnn
import numpy as np
from compiled_nn import datasets

ROUNDS = 3


@dataclass(frozen=True)
class Tutorial:
    """A network with the hyperparameters of its tutorial.

    `rate` and `l2` are for gradients of the mean loss. `timed` is the number of epochs to time. `reached` has the
    accuracies of a correct implementation from the same five initial weights, for the training and the test part.
    `scaled` says whether X is scaled to 0..1 where it is not standardised.
    """

    load: Callable[[], datasets.Dataset]
    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    draw: Callable[[Any, tuple[int, int]], Any]
    rate: float
    epochs: int
    timed: int
    reached: tuple[str, ...]
    dtype: str = "float64"
    n_batches: int = 1
    l2: float = 0.0
    bias: bool = True
    standardize: bool = False
    scaled: bool = True
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)

    @property
    def loss(self) -> str:
        return "mse" if self.activations[-1] == "identity" else "binary_cross_entropy"

    def scale(self, data: datasets.Dataset) -> float:
        return data.input_scale if self.scaled else 1.0


def he(random: Any, shape: tuple[int, int]) -> Any:
    return random.randn(*shape) * np.sqrt(2 / shape[1])


def lecun(random: Any, shape: tuple[int, int]) -> Any:
    return random.randn(*shape) / np.sqrt(shape[1])


def sick_beans() -> datasets.Dataset:
    return datasets.relabel(datasets.load_beans(), {"healthy": 0}, others=1)


def ones_and_twos() -> datasets.Dataset:
    return datasets.relabel(datasets.only_classes(datasets.load_mnist(), (1, 2)), {1: 0, 2: 1})


RELU4 = ("relu", "relu", "relu", "sigmoid")
FASHION = {
    "load": datasets.load_fashion_mnist,
    "sizes": (784, 50, 10),
    "activations": ("sigmoid", "sigmoid"),
    "draw": lambda random, shape: random.uniform(-1, 1, shape),
    "rate": 2.4,
    "epochs": 300,
    "timed": 4,
    "dtype": "float32",
    "n_batches": 25,
    "l2": 0.5 / 2400,
    "bias": False,
}
TUTORIALS = {
    "beans": Tutorial(
        sick_beans,
        (30000, 4, 3, 2, 1),
        RELU4,
        he,
        0.001,
        1000,
        20,
        ("0.8259 0.8269 0.6702 0.6702 0.6702", "0.7744 0.7594 0.6692 0.6692 0.6692"),
    ),
    "cats": Tutorial(
        datasets.load_catvnoncat,
        (12288, 20, 7, 5, 1),
        RELU4,
        lecun,
        0.0075,
        2500,
        100,
        ("0.9904 0.9856 1.0000 0.9952 1.0000", "0.6200 0.8000 0.7600 0.7800 0.7600"),
    ),
    "mnist": Tutorial(
        ones_and_twos,
        (784, 196, 1),
        ("sigmoid", "sigmoid"),
        lecun,
        0.1,
        1000,
        10,
        ("0.9887 0.9887 0.9888 0.9890 0.9884", "0.9926 0.9935 0.9926 0.9931 0.9935"),
        dtype="float32",
        seeds=(42, 0, 1, 2, 3),
    ),
    "xor": Tutorial(
        datasets.xor,
        (2, 3, 1),
        ("sigmoid", "identity"),
        lambda random, shape: random.uniform(size=shape[::-1]).T,
        0.2,
        50000,
        50000,
        ("1.0000 1.0000 1.0000 1.0000 1.0000", ""),
        bias=False,
    ),
    "fashion, scaled": Tutorial(
        **FASHION,
        standardize=True,
        reached=("0.9287 0.9256 0.9244 0.9172 0.9248", "0.8697 0.8666 0.8633 0.8626 0.8655"),
    ),
    "fashion, raw": Tutorial(
        **FASHION,
        scaled=False,
        reached=("0.5790 0.6074 0.6855 0.6138 0.6597", "0.5781 0.6027 0.6788 0.6011 0.6510"),
    ),
}


def draw_weights(tutorial: Tutorial, seed: int) -> dict[str, Any]:
    """Return initial weights W1 (units, inputs), b1 (units, 1), W2, ..."""
    random = np.random.RandomState(seed)
    params = {}
    for i, (k, n) in enumerate(pairwise(tutorial.sizes), 1):
        params[f"W{i}"] = tutorial.draw(random, (n, k))
        if tutorial.bias:
            params[f"b{i}"] = np.zeros((n, 1))
    return params


# ---- training by compiled-nn


def train_ours(
    tutorial: Tutorial, data: datasets.Dataset, seed: int, epochs: int, **options: Any
) -> cnn.Network:
    """Return a network trained on the images as they are stored."""
    net = cnn.Network.from_dict(
        draw_weights(tutorial, seed),
        [
            {"nodes": n, "activation": a}
            for n, a in zip(tutorial.sizes[1:], tutorial.activations, strict=True)
        ],
        optimizer=cnn.SGD(tutorial.rate),
        l2=tutorial.l2,
        dtype=tutorial.dtype,
        standardize=tutorial.standardize,
        input_scale=tutorial.scale(data),
        **options,
    )
    batches = {"batch_size": "full"} if tutorial.n_batches == 1 else {"n_batches": tutorial.n_batches}
    return net.fit(data.X_train, data.y_train, epochs=epochs, shuffle=False, **batches)


# ---- training by NumPy


def sigmoid(Z: Any) -> Any:
    """Replace Z by its sigmoid. Clipping keeps exp finite, and beyond 80 the sigmoid is 0 or 1 in float32 anyway."""
    np.clip(Z, -80, 80, out=Z)
    np.negative(Z, out=Z)
    np.exp(Z, out=Z)
    Z += 1
    return np.reciprocal(Z, out=Z)


class NumPyNetwork:
    """The network in NumPy, with one dtype and without redundant products or passes over memory.

    Samples are columns: W (units, inputs) @ X (inputs, samples) is the fastest order of these shapes in OpenBLAS.
    """

    def __init__(self, tutorial: Tutorial, data: datasets.Dataset, dtype: str) -> None:
        self.tutorial = tutorial
        X = data.X_train.reshape(len(data.X_train), -1)
        self.shift, self.factor = 0.0, tutorial.scale(data)
        if tutorial.standardize:
            deviation = X.std(axis=0)
            self.shift, self.factor = X.mean(axis=0), 1 / np.where(deviation == 0, 1, deviation)
        self.dtype = dtype
        self.X = self.columns(X)
        y, outputs = data.y_train, tutorial.sizes[-1]
        self.Y = (np.eye(outputs)[:, y] if outputs > 1 else y[np.newaxis]).astype(dtype)

    def columns(self, X: Any) -> Any:
        return ((X.reshape(len(X), -1) - self.shift) * self.factor).T.astype(self.dtype, order="C")

    def train(self, seed: int, epochs: int) -> Iterator[list[Any]]:
        """Yield W1, W2, ... (units, inputs) after each epoch."""
        params = draw_weights(self.tutorial, seed)
        layers = range(1, len(self.tutorial.sizes))
        Ws = [params[f"W{i}"].astype(self.X.dtype, order="C") for i in layers]
        bs = [np.zeros((len(W), 1), self.X.dtype) for W in Ws]
        m = self.X.shape[1]
        rows = -(-m // self.tutorial.n_batches)
        for _ in range(epochs):
            for first in range(0, m, rows):
                self.step(Ws, bs, self.X[:, first : first + rows], self.Y[:, first : first + rows])
            yield Ws

    def fit(self, seed: int, epochs: int) -> list[Any]:
        *_, Ws = self.train(seed, epochs)
        return Ws

    def score(self, Ws: list[Any], A: Any, y: Any) -> float:
        """Return the accuracy of a network without biases for several classes."""
        for W in Ws:
            A = sigmoid(W @ A)
        return float((A.argmax(axis=0) == y).mean())

    def step(self, Ws: list[Any], bs: list[Any], X: Any, Y: Any) -> float:
        t, activations, m = self.tutorial, [X], X.shape[1]
        for W, b, name in zip(Ws, bs, t.activations, strict=True):
            Z = W @ activations[-1]
            if t.bias:
                Z += b
            if name == "relu":
                np.maximum(Z, 0, out=Z)
            elif name == "sigmoid":
                sigmoid(Z)
            activations.append(Z)
        dZ = activations.pop() - Y
        if t.loss == "mse":
            cost = float(np.vdot(dZ, dZ)) / m
            dZ *= 2 / m
        else:
            cost = -float(np.log(np.maximum(1 - abs(dZ), np.finfo(dZ.dtype).tiny)).sum()) / m
            dZ /= m
        for i in reversed(range(len(Ws))):
            A = activations[i]
            dW, db = dZ @ A.T, dZ.sum(axis=1, keepdims=True)
            if i:
                dZ = Ws[i].T @ dZ
                dZ *= A > 0 if t.activations[i - 1] == "relu" else A * (1 - A)
            if t.l2:
                dW += t.l2 * Ws[i]
            dW *= t.rate
            Ws[i] -= dW
            if t.bias:
                bs[i] -= t.rate * db
        return cost


# ---- tables


def load_tutorials(only: str | None) -> Iterator[tuple[str, Tutorial, datasets.Dataset]]:
    for name, tutorial in TUTORIALS.items():
        if only is None or name.split(",")[0] in only.split(","):
            try:
                data = tutorial.load()
            except FileNotFoundError as error:
                print(f"{name}: skipped. {str(error).splitlines()[0]}")
                continue
            yield name, tutorial, data


def format_range(values: list[float]) -> str:
    mean = statistics.mean(values)
    return f"{mean:.4f} ({min(values):.4f} to {max(values):.4f})"


def accuracy(only: str | None) -> None:
    print("| tutorial | part | correct code: mean (range) | ours: mean (range) | ours, each seed |")
    print("|---|---|---|---|---|")
    for name, tutorial, data in load_tutorials(only):
        nets = [train_ours(tutorial, data, seed, tutorial.epochs) for seed in tutorial.seeds]
        parts = {"train": (data.X_train, data.y_train), "test": (data.X_test, data.y_test)}
        if len(data.X_validation):
            parts = {"train": parts["train"], "dev": (data.X_validation, data.y_validation)}
        for (part, (X, y)), reached in zip(parts.items(), tutorial.reached, strict=True):
            if len(X):
                found = [
                    float(((net.predict(X) >= 0.5) == y).mean())
                    if tutorial.loss == "mse"
                    else net.score(X, y)
                    for net in nets
                ]
                print(
                    f"| {name} | {part} | {format_range([float(text) for text in reached.split()])} "
                    f"| {format_range(found)} | {' '.join(f'{value:.4f}' for value in found)} |",
                    flush=True,
                )


def end(only: str | None) -> None:
    """Print the test accuracy of the last epochs of ours and NumPy, where it changes much from epoch to epoch."""
    print(
        "| tutorial | seed | NumPy: mean of the last 11 epochs (range) | ours: mean of the last 11 epochs (range) |"
    )
    print("|---|---|---|---|")
    for name, tutorial, data in load_tutorials(only):
        if tutorial.n_batches == 1:
            continue
        reference = NumPyNetwork(tutorial, data, tutorial.dtype)
        columns, last = reference.columns(data.X_test), tutorial.epochs - 11
        for seed in tutorial.seeds:
            found: tuple[list[float], list[float]] = ([], [])
            for Ws in islice(reference.train(seed, tutorial.epochs), last, None):
                found[0].append(reference.score(Ws, columns, data.y_test))
            net = train_ours(tutorial, data, seed, last)
            for _ in range(11):
                net.fit(
                    data.X_train,
                    data.y_train,
                    epochs=1,
                    n_batches=tutorial.n_batches,
                    shuffle=False,
                    warm_start=True,
                )
                found[1].append(net.score(data.X_test, data.y_test))
            print(f"| {name} | {seed} | {format_range(found[0])} | {format_range(found[1])} |", flush=True)


def time_run(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def times(only: str | None) -> None:
    """Print the times of complete runs, extrapolated from `timed` epochs; ours with Gram training runs completely."""
    print("| tutorial | epochs | ours, s | NumPy float64, s | ratio | NumPy float32, s | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, tutorial, data in load_tutorials(only):
        wide = tutorial.sizes[0] > len(data.X_train)
        parts = {"ours": tutorial.epochs if wide else tutorial.timed}
        parts |= dict.fromkeys(("float64", "float32"), tutorial.timed)
        runs: dict[str, Callable[[], object]] = {
            "ours": partial(train_ours, tutorial, data, 1, parts["ours"], n_threads=1)
        }
        for dtype in ("float64", "float32"):
            runs[dtype] = partial(NumPyNetwork(tutorial, data, dtype).fit, 1, tutorial.timed)
        samples: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for which, run in runs.items():
                samples[which].append(time_run(run) * tutorial.epochs / parts[which])
        ours, f64, f32 = (statistics.median(values) for values in samples.values())
        print(
            f"| {name} | {tutorial.epochs} | {ours:.3g} | {f64:.3g} | {f64 / ours:.2f} | {f32:.3g}"
            f" | {f32 / ours:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", choices=("accuracy", "end", "time"))
    parser.add_argument("--only", help="tutorials, such as fashion,xor (default: all)")
    options = parser.parse_args()
    {"accuracy": accuracy, "end": end, "time": times}[options.table](options.only)
