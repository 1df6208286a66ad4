"""Numerical check of one instruction set: `python isa_check.py OUT.npz`, with CNN_CORE_ISA set.

For float32 and float64, and for 1 and 2 threads, it compares with the reference: forward pass, loss and gradient; ten
steps of every optimizer, except those whose steps are signs, which rounding can change; normalised and residual layers
with dropout. It compares products of arrays with NumPy. It prints JSON, {"isa", "errors": {check: largest relative
error}, "digests": {dtype: {threads: SHA-256 of all results}}}, and writes the results, which the parent process
compares between instruction sets.
"""

import hashlib
import json
import sys

import networks
import numpy as np
import reference

import cnn_core
from cnn_core.functions import activate, derive_from_inputs, dot, matmul
from cnn_core.stack import Objective, Stack

# They cover remainders of every tile, narrow, wide and large layers, a network large enough to be shared between
# threads, and one that is small for vectors of 64 bytes but not for vectors of 32 bytes.
SHAPES = [
    ((5, 3), 10),
    ((7, 16, 5, 2), 17),
    ((33, 19, 47, 4), 37),
    ((100, 50, 10), 64),
    ((1000, 5, 1), 20),
    ((300, 100, 10), 200),
    ((6, 8, 7, 3), 60),
    ((40, 30, 21, 16, 5), 60),
    ((12, 320, 880, 1), 300),
]
UNFUSED = ("gelu", "silu", "elu")  # activations of the hidden layers of the last shape
# Products m x n x k of every form: tiles, dot products, transposed, several blocks.
PRODUCTS = [(33, 10, 200), (50, 100, 784), (784, 10, 300), (1, 70, 2000), (70, 1, 300), (90, 300, 1500)]
PENALTIES = {"l1": 0.001, "l2": 0.01}
STEPS = 10


class Problem:
    """A network and its data in one dtype, with the results of the reference."""

    def __init__(self, number, dtype):
        sizes, m = SHAPES[number]
        loss = "binary_cross_entropy" if sizes[-1] == 1 else networks.LOSSES[number % 3]
        hidden = UNFUSED if len(sizes) == 5 else ("relu", "sigmoid", "tanh")[number % 3]
        rng = np.random.default_rng(number)
        self.case = networks.draw(rng, sizes, hidden, loss, m=m, dtype=dtype, smooth=m < 50)
        self.batch_size = -(-m // STEPS)
        self.order, self.rates = rng.permutation(m), np.linspace(0.001, 0.02, -(-m // self.batch_size))
        # The same rows before standardisation, for a stack that standardises.
        stack, k = self.case.stack, sizes[0]
        self.standardizing = Stack(stack.sizes, stack.activations, stack.biases, dtype)
        mean, deviation = rng.uniform(-5, 5, k), rng.uniform(0.5, 2, k)
        self.standardizing.standardize(mean, deviation)
        self.raw = self.case.wide[0] * deviation + mean
        self.outputs = reference.forward(self.case.network, self.case.activations, self.case.wide[0])
        self.gradient = self.case.oracle_gradient(**PENALTIES)
        self.trained = {}
        for name, hyper in networks.SMOOTH_HYPER.items():
            self.trained[name] = reference.train(
                self.case.network,
                self.case.activations,
                *self.case.wide,
                loss,
                reference.OPTIMIZERS[name](**hyper),
                self.order,
                self.rates,
                batch_size=self.batch_size,
                **PENALTIES,
            )

    def check(self, n_threads, errors):
        """Record the largest error of each kind; return the results for the digest."""
        case, stack = self.case, self.case.stack
        networks.write(stack, case.network)
        outputs = stack.forward(case.X, n_threads=n_threads)
        note(errors, "forward", np.abs(outputs - self.outputs).max() / np.abs(self.outputs).max())
        value = stack.gradient(case.X, case.y, Objective(case.loss, n_threads=n_threads, **PENALTIES))
        note(errors, "loss", abs(sum(value) / sum(self.gradient[:2]) - 1))
        note(errors, "gradient", networks.relative_error(stack.views(stack.gradients), self.gradient[2]))
        results = [outputs, stack.gradients.copy(), np.array(value)]
        networks.write(self.standardizing, case.network)
        outputs = self.standardizing.forward(self.raw, n_threads=n_threads)
        note(errors, "forward", np.abs(outputs - self.outputs).max() / np.abs(self.outputs).max())
        self.standardizing.gradient(self.raw, case.y, Objective(case.loss, n_threads=n_threads, **PENALTIES))
        gradients = self.standardizing.views(self.standardizing.gradients)
        note(errors, "gradient", networks.relative_error(gradients, self.gradient[2]))
        results += [outputs, self.standardizing.gradients.copy()]
        for name, hyper in networks.SMOOTH_HYPER.items():
            networks.write(stack, case.network)
            stack.set_optimizer(name, **hyper)
            value = stack.train(
                case.X,
                case.y,
                Objective(case.loss, n_threads=n_threads, **PENALTIES),
                self.order,
                self.rates,
                batch_size=self.batch_size,
            )
            network, *expected = self.trained[name]
            note(errors, "loss", abs(sum(value) / sum(expected) - 1))
            note(errors, name, networks.relative_error(stack.views(), network))
            results += [
                stack.parameters.copy(),
                *(moment.copy() for moment in stack.moments),
                np.array(value),
            ]
        return results


def blocks(dtype, n_threads, errors):
    """Return predictions, compared with the reference, and results of a training of normalised and residual layers."""
    results = []
    for norm in ("layer", "rms", "batch"):
        rng = np.random.default_rng(len(norm))
        sizes, norms, residuals = (20, 70, 70, 5), (norm, norm, None), (False, True, False)
        stack = Stack(sizes, ("silu", "tanh", "identity"), None, dtype, norms=norms, residuals=residuals)
        network = networks.rounded(reference.initial_weights(sizes, rng), dtype)
        networks.write(stack, network)
        m = 281  # the last batches have 40 rows and 1 row
        X, y = rng.standard_normal((m, 20)).astype(dtype), rng.standard_normal((m, 5)).astype(dtype)
        gains = [None if gain is None else np.ones(len(gain)) for gain in stack.gains()]
        expected = reference.block_forward(
            network, gains, norms, residuals, stack.activations, X.astype(float), stack.running_statistics()
        )
        outputs = stack.forward(X, n_threads=n_threads)
        note(errors, "forward", np.abs(outputs - expected).max() / np.abs(expected).max())
        stack.set_dropout([0.1, 0.2, 0, 0], 7)
        stack.set_optimizer("momentum")
        weights = rng.uniform(0, 2, m)
        for rows in (140, 100):
            objective = Objective("mse", n_threads=n_threads, weights=weights)
            stack.train(X, y, objective, None, np.full(3, 0.01), batch_size=rows)
        results += [outputs, stack.forward(X, n_threads=n_threads), stack.parameters.copy()]
        results += [stack.running.copy()] if norm == "batch" else []
    return results


def activated_outputs(dtype, n_threads, errors):
    """Return gradients of a loss of f(z), compared with the reference, and the weights after some steps."""
    results = []
    for f in ("tanh", "softplus"):
        rng = np.random.default_rng(len(f))
        sizes = (20, 70, 9)
        network = networks.rounded(reference.initial_weights(sizes, rng), dtype)
        stack = networks.stack_of(network, ("relu", f), dtype)
        X, y = rng.standard_normal((90, 20)).astype(dtype), rng.standard_normal((90, 9)).astype(dtype)
        wide = X.astype(float), y.astype(float)
        _, _, expected = reference.gradient(network, ("relu", f), *wide, "mse", activated=True)
        objective = Objective("mse", activated=True, n_threads=n_threads)
        stack.gradient(X, y, objective)
        note(errors, "gradient", networks.relative_error(stack.views(stack.gradients), expected))
        results.append(stack.gradients.copy())
        stack.set_optimizer("momentum")
        stack.train(X, y, objective, None, np.full(3, 0.001), batch_size=30)
        results.append(stack.parameters.copy())
    return results


def products(dtype, n_threads, errors):
    """Return A B and A' B for every shape, and an inner product, compared with NumPy."""
    results = []
    for m, n, k in PRODUCTS:
        rng = np.random.default_rng(m)
        B = rng.standard_normal((k, n)).astype(dtype)
        for A in (rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, m)).astype(dtype).T):
            results.append(matmul(A, B, n_threads=n_threads))
            exact = A.astype(float) @ B.astype(float)
            note(errors, "product", np.abs(results[-1] - exact).max() / np.abs(exact).max())
        rows = B[: k // 2].ravel(), B[k // 2 : 2 * (k // 2)].ravel()
        results.append(np.array(dot(*rows)))
        exact, size = (float(a.astype(float) @ b.astype(float)) for a, b in (rows, map(np.abs, rows)))
        note(errors, "product", abs(results[-1] - exact) / size)
    return results


def activations(dtype, errors):
    """Return the activations whose derivative is computed from z, and these derivatives."""
    z = np.linspace(-20, 20, 997).astype(dtype)
    results = []
    for f, exact in reference.UNFUSED.items():
        results += [activate(f, z), derive_from_inputs(f, z, np.ones_like(z))]
        for got, function in zip(results[-2:], exact, strict=True):
            expected = function(z.astype(float))
            note(errors, "activation", (np.abs(got - expected) / np.maximum(1, np.abs(expected))).max())
    return results


def note(errors, name, error):
    """Record the largest error of a check; NaN counts as infinite."""
    errors[name] = max(errors.get(name, 0.0), float(error)) if error == error else float("inf")


def main(path):
    report = {"isa": cnn_core.isa, "errors": {}, "digests": {}}
    kept = {}
    for dtype in ("float32", "float64"):
        problems = [Problem(number, dtype) for number in range(len(SHAPES))]
        errors = report["errors"][dtype] = {}
        digests = report["digests"][dtype] = {}
        for n_threads in (1, 2):
            results = [result for problem in problems for result in problem.check(n_threads, errors)]
            results += products(dtype, n_threads, errors) + activations(dtype, errors)
            results += blocks(dtype, n_threads, errors) + activated_outputs(dtype, n_threads, errors)
            digests[n_threads] = hashlib.sha256(b"".join(r.tobytes() for r in results)).hexdigest()
        kept.update({f"{dtype} {i}": r for i, r in enumerate(results)})
    np.savez(path, **kept)
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1])
