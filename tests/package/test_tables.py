"""Activations, losses and optimizers: the tables of the core, compiled_nn, the documentation and the tests agree."""

import re
from dataclasses import fields
from itertools import product
from pathlib import Path

import compiled_nn as cnn
import networks
import numpy as np
import pytest
import reference
import small
from compiled_nn import losses, optimizers
from compiled_nn.spec import activations

import cnn_core.layers
import cnn_core.stack
from cnn_core import hyperparameters
from cnn_core.functions import activate, derive_from_inputs

ROOT = Path(__file__).resolve().parents[2]
HAS_DOCS = (ROOT / "docs").is_dir()
with_docs = pytest.mark.skipif(not HAS_DOCS, reason="this copy of the sources has no documentation")


def rows(page, head):
    """Return the cells of the rows of the table in a page of docs that has this head."""
    lines = (ROOT / "docs" / "guide" / page).read_text(encoding="utf-8").splitlines()
    found = []
    for line in lines[lines.index(head) + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


def documented(page, head):
    """Return {name: call} of a table of names and of calls with all defaults."""
    return {name.strip("`"): call.strip("`") for name, call, *_ in rows(page, head)}


def check_call(call, kind, default):
    """Check a call with all parameters of a class against its fields and defaults."""
    assert eval(call, {kind.__name__: kind}) == default
    named = re.findall(r"(\w+)=", call)
    positional = 1 if re.match(r"\w+\([\d.]", call) else 0
    parameters = [field.name for field in fields(kind) if field.init]
    assert set(named) == set(parameters[positional:]), call


# -- activations


def test_activations():
    names = cnn_core.layers.ACTIVATIONS
    assert len(set(names)) == len(names)
    assert names == activations.ACTIVATIONS
    assert tuple(reference.ACTIVATIONS) == names
    assert (*networks.HIDDEN, "softmax", *networks.UNFUSED) == names
    assert reference.ULP.keys() == set(names) - {"softmax"}
    assert reference.SLOPES.keys() <= reference.ULP.keys()


@pytest.mark.parametrize("name", activations.ELEMENTWISE)
def test_functions_of_arrays_have_every_activation(name, dtype):
    """Lengths of whole vectors and a rest; no activation is mistaken for another."""
    z = np.linspace(-8, 8, 41).astype(dtype)
    f, derivative = reference.ACTIVATIONS[name]
    tolerance = 16 * networks.EPS[dtype]
    assert np.allclose(activate(name, z), f(z.astype(float)), rtol=tolerance, atol=tolerance)
    slopes = derive_from_inputs(name, z, np.ones_like(z))
    assert np.allclose(slopes, derivative(z.astype(float)), rtol=tolerance, atol=tolerance)
    others = [other for other in activations.ELEMENTWISE if other != name]
    assert not any(np.array_equal(activate(other, z), activate(name, z)) for other in others)


@with_docs
def test_activations_are_documented():
    formulas = rows("activations.md", "| name | f(z) | f'(z) | error of f, in ulp |")
    assert {name.strip("`") for name, *_ in formulas} == set(activations.ACTIVATIONS)
    uses = " ".join(names for names, _ in rows("activations.md", "| name | use |"))
    assert sorted(re.findall(r"`(\w+)`", uses)) == sorted((*activations.ACTIVATIONS, *activations.ALIASES))
    for name, _, _, error in formulas:
        bound = reference.ULP.get(name.strip("`"))
        if isinstance(bound, (int, float)):
            assert re.match(r"[\d.]+", error)[0] == f"{bound:g}", name


# -- losses


def core_of(loss):
    """Return the name of a loss in the core, and the parameters it passes."""
    return loss.core if isinstance(loss.core, tuple) else (loss.core, {})


def test_losses():
    names = cnn_core.stack.LOSSES
    assert {core_of(loss)[0] for loss in losses.LOSSES.values()} == set(names)
    assert reference.ROW_LOSSES.keys() == set(names)
    assert set(reference.UNBOUNDED) <= set(names)
    assert set(reference.LOSSES) == set(networks.LOSSES) <= set(names)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_parameters_of_a_loss(name):
    loss = losses.LOSSES[name]
    core, given = core_of(loss)
    parameters = cnn_core.stack.LOSS_PARAMETERS[core]
    assert loss.name == name
    assert given.keys() <= parameters.keys()
    if core == name:  # others, as "poisson", are a loss of the core with fixed parameters
        assert {**parameters, **given} == parameters
        for field in fields(loss):
            assert parameters[field.name] == field.default


@with_docs
def test_losses_are_documented():
    found = documented("losses.md", "| name | class | use | loss of one row |")
    assert found.keys() == losses.LOSSES.keys()
    for name, call in found.items():
        check_call(call, losses.kind_of(name), losses.LOSSES[name])


# -- optimizers


def variants(name):
    """Return the optimizers of a class with every valid choice of its flags, and with momentum."""
    kind = optimizers.kind_of(name)
    flags = [field.name for field in fields(kind) if field.default is False]
    momenta = [{}, {"momentum": 0.9}] if "momentum" in {field.name for field in fields(kind)} else [{}]
    for momentum, *values in product(momenta, *[(False, True)] * len(flags)):
        try:
            yield kind(**momentum, **dict(zip(flags, values, strict=True)))
        except ValueError:  # flags that exclude each other
            continue


def test_optimizers():
    names = cnn_core.stack.OPTIMIZERS
    assert tuple(reference.OPTIMIZERS) == tuple(reference.HYPER) == names
    every = [each for name in optimizers.OPTIMIZERS for each in variants(name)]
    assert {each.hyperparameters()[0] for each in every} == set(names)
    assert {each.hyperparameters()[0] for each in small.OPTIMIZERS.values()} == set(names)
    for table in (reference.MOMENTS, reference.RATES, dict.fromkeys(reference.SIGNS)):
        assert table.keys() <= set(names)


@pytest.mark.parametrize("name", hyperparameters.OPTIMIZERS)
def test_the_tests_vary_every_hyperparameter(name):
    defaults = hyperparameters.read(name, {})
    hyper = reference.HYPER[name]
    assert hyper.keys() == defaults.keys() - {"epsilon_hat"}  # which test_epsilon_hat tests
    assert all(hyper[key] != defaults[key] for key in hyper)


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_hyperparameters_of_an_optimizer(name):
    optimizer = optimizers.resolve(name)
    assert optimizer.name == name
    assert getattr(cnn, type(optimizer).__name__) is type(optimizer)
    core, given = optimizer.hyperparameters()
    assert core == name
    assert hyperparameters.read(core, given) == hyperparameters.read(core, {})
    for each in variants(name):
        core, given = each.hyperparameters()
        assert given.keys() <= hyperparameters.read(core, {}).keys()


@with_docs
def test_optimizers_are_documented():
    found = documented("optimizers.md", "| name | class with its defaults | use |")
    assert found.keys() == set(optimizers.NAMES)
    for name, call in found.items():
        kind = optimizers.kind_of(name)
        check_call(call, kind, kind())
