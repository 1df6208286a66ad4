"""The examples of training loops: they learn, in some seconds and with the same result for the same seed."""

from compiled_nn.examples.loops import control, equation, heads


def test_control_learns(capsys):
    """A random policy keeps the pole up for about 20 steps, and 200 are the most."""
    before, after = control.train(epochs=1), control.train(epochs=12)
    assert before < 40
    assert after > 100
    assert "Update 10: episodes of" in capsys.readouterr().out


def test_equation_is_solved(capsys):
    """The solution has values up to 0.7; an untrained network is wrong by about that."""
    assert equation.train(epochs=1) > 0.3
    error = equation.train()
    assert error < 0.02
    assert equation.train(epochs=20) == equation.train(epochs=20)


def test_heads_learn_both(capsys):
    accuracy, r2 = heads.train()
    assert accuracy > 0.9
    assert r2 > 0.7
