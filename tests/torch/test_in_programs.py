"""compiled_nn.torch.Module in programs: averages, hooks, inference mode, kept losses, subclasses."""

import copy
import gc

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the module of PyTorch needs torch")

import compiled_nn as cnn  # noqa: E402
from compiled_nn.torch import Module  # noqa: E402
from torch import nn  # noqa: E402


@pytest.fixture(params=["flat", "layers"])
def form(request):
    return request.param


@pytest.fixture
def module(form):
    return Module((4, 8, 3), activation="tanh", dtype="float64", seed=0, parameters=form)


X = torch.from_numpy(np.random.default_rng(0).normal(size=(20, 4)))


def tapes():
    return [each for each in gc.get_objects() if type(each).__name__ == "Tape"]


def test_a_loss_that_is_kept_does_not_keep_its_tape(module):
    losses, others = [], tapes()
    for _ in range(5):
        losses.append(module(X).sum())
        losses[-1].backward()
    assert not [tape for tape in tapes() if all(tape is not other for other in others)]
    kept = module(X).sum()
    kept.backward(retain_graph=True)
    kept.backward()
    with pytest.raises(RuntimeError, match="second time"):
        kept.backward()


def test_a_backward_pass_after_fit_raises(module):
    out = module(X)
    module.network.fit(X.numpy(), np.ones((20, 3)), epochs=1)
    with pytest.raises(RuntimeError, match="has been fitted since the forward pass"):
        out.sum().backward()
    module(X).sum().backward()


@pytest.mark.parametrize("hooks", ["save_on_cpu", "allow_mutation_on_saved_tensors"])
def test_changes_are_found_with_hooks_of_saved_tensors(module, hooks):
    """These hooks keep copies of saved tensors, which PyTorch then does not compare."""
    with getattr(torch.autograd.graph, hooks)():
        out, rows = module(X), X.clone()
        expected = torch.autograd.grad(module(X).sum(), next(module.parameters()))[0]
        found = torch.autograd.grad(out.sum(), next(module.parameters()), retain_graph=True)[0]
        torch.testing.assert_close(found, expected)
        of_rows = module(rows)
        rows.mul_(2)
        with pytest.raises(RuntimeError, match="X or a parameter has been changed in place"):
            of_rows.sum().backward()
        with torch.no_grad():
            next(module.parameters()).mul_(2)
        with pytest.raises(RuntimeError, match="X or a parameter has been changed in place"):
            out.sum().backward()


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_checkpoints_of_activations(module, use_reentrant):
    rows = X.clone().requires_grad_()
    module(rows).square().sum().backward()
    expected = [rows.grad.clone(), *(weight.grad.clone() for weight in module.parameters())]
    module.zero_grad()
    rows.grad = None
    torch.utils.checkpoint.checkpoint(module, rows, use_reentrant=use_reentrant).square().sum().backward()
    for found, own in zip(
        [rows.grad, *(weight.grad for weight in module.parameters())], expected, strict=True
    ):
        torch.testing.assert_close(found, own)


def test_inference_mode_before_training(form):
    """Tensors that the module makes in inference mode can be trained afterwards."""
    with torch.inference_mode():
        module = Module((4, 8, 3), dtype="float64", seed=0, parameters=form)
        module(X)
    module(X).sum().backward()
    module.network.fit(X.numpy(), np.ones((20, 3)), epochs=1)
    with torch.inference_mode():
        expected = module(X).clone()
    out = module(X)
    out.sum().backward()
    assert torch.equal(out, expected)
    torch.optim.SGD(module.parameters(), 0.1).step()


def test_averages_have_the_running_statistics(form):
    net = cnn.Network([cnn.Dense(8, "tanh", norm="batch"), cnn.Dense(3)], loss="mse", dtype="float64", seed=0)
    module = Module(net, 4, parameters=form)
    average = torch.optim.swa_utils.AveragedModel(module)
    for _ in range(5):
        module(2 * X + 1)
    before = module.eval()(X)
    average.update_parameters(module)
    average.eval()
    torch.testing.assert_close(average(X), before)
    # The network folds the normalisation into the weights, which rounds otherwise.
    torch.testing.assert_close(torch.from_numpy(average.module.network.predict(X.numpy())), before)
    assert "running" not in module.state_dict()
    module.network.fit(X.numpy(), np.ones((20, 3)), epochs=1)
    module.train()(X)
    np.testing.assert_allclose(
        torch.cat([buffer.ravel() for buffer in module.buffers()])[:8].numpy(),
        module.network.snapshot()["layers"][0]["norm"]["mean"],
    )


def test_a_step_with_numbers_that_are_not_finite_is_refused(module):
    module(X).sum().backward()
    before = module.network.predict(X.numpy())
    next(module.parameters()).grad[...] = np.nan
    with pytest.raises(ValueError, match="gradients are not finite"):
        module.step()
    np.testing.assert_array_equal(module.network.predict(X.numpy()), before)


def test_hooks_of_states(module):
    """A hook that renames keys, as for checkpoints of older programs."""
    state = {key.replace("layers", "old"): value.clone() + 1 for key, value in module.state_dict().items()}

    def rename(_, state, prefix, *rest):
        for key in list(state):
            state[key.replace("old", "layers")] = state.pop(key)

    module.register_load_state_dict_pre_hook(rename)
    names = [name for name, _ in module.named_parameters()]
    assert not any(module.load_state_dict(state))
    assert [name for name, _ in module.named_parameters()] == names
    for key, value in module.state_dict().items():
        torch.testing.assert_close(value, state[key.replace("layers", "old")])
    state = dict(module.state_dict()) | {"layers.0.bias": np.zeros(8)}
    with pytest.raises(RuntimeError, match=r"layers\.0\.bias.*(must be a tensor|expected torch\.Tensor)"):
        module.load_state_dict(state)


class Scaled(Module):
    """Module with a parameter, a buffer, a module and a state of its own."""

    def __init__(self, *sizes, **options):
        super().__init__(sizes, **options)
        self.scale = nn.Parameter(torch.full((3,), 2.0, dtype=torch.float64))
        self.register_buffer("shift", torch.ones(2, dtype=torch.float64))
        self.head = nn.Linear(3, 2, dtype=torch.float64)
        self.extra = 0

    def get_extra_state(self):
        return {"extra": self.extra}

    def set_extra_state(self, state):
        self.extra = state["extra"]

    def forward(self, X):
        return self.head(super().forward(X) * self.scale) + self.shift


def test_subclasses_with_parameters(form):
    first, second = (Scaled(4, 8, 3, dtype="float64", seed=seed, parameters=form) for seed in (0, 1))
    with torch.no_grad():
        first.scale.mul_(3)
        first.shift.add_(1)
    first.extra = 7
    names = [name for name, _ in first.named_parameters()]
    assert not any(second.load_state_dict(first.state_dict()))
    for other in (second, copy.deepcopy(first)):
        torch.testing.assert_close(other(X), first(X))
        assert other.extra == 7
        assert [name for name, _ in other.named_parameters()] == names
    with pytest.raises(RuntimeError, match="Unexpected"):
        second.load_state_dict(first.state_dict() | {"more": torch.ones(1)})


def test_rows_of_unusual_tensors(module):
    """The negative bit, which NumPy does not have, and a narrow dtype."""
    rows = torch.complex(X, -2 * X).conj().imag
    assert rows.is_neg()
    torch.testing.assert_close(module(rows), module(2 * X))
    narrow = X.to(torch.float8_e4m3fn)
    torch.testing.assert_close(module(narrow), module(narrow.to(torch.float64)))


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:DeprecationWarning")
def test_traces_are_refused(module):
    """A trace would contain memory without the arithmetic that fills it."""
    with pytest.raises(RuntimeError, match=r"cannot record what the core.*Use to_onnx"):
        torch.jit.trace(module, X, check_trace=False)


@pytest.mark.parametrize("change", ["load_state_dict", "data"])
def test_a_calibration_of_other_weights_is_discarded(form, change):
    net = cnn.Network(
        [cnn.Dense(8, "tanh"), cnn.Dense(3)], loss="softmax_cross_entropy", dtype="float64", seed=0
    )
    module = Module(net, 4, parameters=form)
    state = {key: 2 * value for key, value in module.state_dict().items()}
    net.calibrate(X.numpy(), np.arange(20) % 3)
    with torch.no_grad():
        module(X)
    calibrated = net.predict_proba(X.numpy())
    if change == "data":
        for parameter in module.parameters():
            parameter.data = 2 * parameter.data
    else:
        module.load_state_dict(state)
    with torch.no_grad():
        expected = module(X).softmax(1)
    torch.testing.assert_close(torch.from_numpy(net.predict_proba(X.numpy())), expected)
    assert abs(calibrated - expected.numpy()).max() > 1e-3


def test_the_network_of_an_estimator(form):
    """Predictions of the estimator follow the module."""
    model = cnn.MLPRegressor(hidden_layer_sizes=(9,), max_iter=3, random_state=0).fit(
        X.numpy(), X.numpy()[:, :2]
    )
    module = Module(model.network_, parameters=form)
    before = model.predict(X.numpy())
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(2)
        expected = module(X.float())
    # The network folds the standardisation into the weights, which rounds otherwise.
    torch.testing.assert_close(torch.from_numpy(model.predict(X.numpy())).float(), expected)
    assert abs(before - expected.numpy()).max() > 0.1


def test_predictors_are_kept_when_the_tensors_are_gone(form):
    """A network whose module is no longer in use predicts as fast as before."""
    net = cnn.Network(
        [cnn.Dense(8, "tanh"), cnn.Dense(3)], loss="mse", dtype="float64", standardize=True, seed=0
    )
    net.fit(X.numpy(), np.ones((20, 3)), epochs=1)
    module = Module(net, parameters=form)
    parameter = next(module.parameters())
    del module
    gc.collect()
    before = net.predict(X.numpy())
    with torch.no_grad():
        parameter.mul_(2)
    assert net._predicting() is not net._predicting()
    assert abs(net.predict(X.numpy()) - before).max() > 1e-3
    del parameter
    gc.collect()
    assert net._predicting() is net._predicting()
