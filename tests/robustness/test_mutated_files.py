"""Damaged model files by the thousand: each is refused with a ValueError, or loads and answers, in bounded memory.

The mutants are made in `mutants.py`. The command of `examined.py` examines any number of them.
"""

import time

import compiled_nn as cnn
import examined
import mutants
import pytest
from containers import joined, split
from hypothesis import given
from hypothesis import strategies as st

SMALL = "softmax-float32-format1"
KINDS = {
    *("network", "mapped", "checkpoint", "ensemble", "ensemble_checkpoint"),
    *("classifier", "regressor", "tabular_classifier", "tabular_regressor"),
}


def test_seeds_are_models_of_every_kind():
    described = [each for each, _ in mutants.seeds().values()]
    assert {each["kind"] for each in described} == KINDS
    versions = {mutants.parts(name)[1]["compiled_nn"]["format_version"] for name in mutants.seeds()}
    assert versions == {1, 2, 3, 4}


@pytest.mark.parametrize("number", range(0, 200, 7))
def test_a_seed_put_together_again_is_a_model(number):
    """A mutant is not refused for the way it is put together."""
    name = [*mutants.seeds()][number % len(mutants.seeds())]
    described, content = mutants.seeds()[name]
    assert examined.examine(described, content, measured=True)
    assert examined.examine(described, joined(*split(content)))


def test_mutants(effort, figures, tmp_path):
    first, count = effort.count(0, time.time_ns()), effort.count(1500, 100_000)
    start = time.perf_counter()
    counts, _ = examined.run(first, count, tmp_path)
    loaded = sum(each for _, each in counts.values())
    assert all(sum(counts[kind]) > count // 50 and counts[kind][0] for kind in mutants.KINDS)
    assert count // 20 < loaded < count // 2
    figures("P14 mutated model files examined", count)
    figures("P14 mutated model files that loaded", loaded)
    figures("P14 mutated model files per second", count / (time.perf_counter() - start))


def test_every_flip_of_a_bit(figures):
    """Flips in weights and in numbers of the configuration may load."""
    described, content = mutants.seeds()[SMALL]
    loaded = 0
    for position, byte in enumerate(content):
        for bit in range(8):
            flipped = content[:position] + bytes([byte ^ 1 << bit]) + content[position + 1 :]
            if bit == 7:  # the sign, or the highest bit of the exponent and of whole numbers
                loaded += examined.examine(described, flipped, fully=False)
            else:
                loaded += examined.load(described, flipped) is not None
    assert 100 < loaded < 4 * len(content)
    figures("P14 single flips of a bit", 8 * len(content))


@given(content=st.binary(max_size=200))
def test_any_bytes(content):
    for kind in KINDS:
        assert examined.load({"kind": kind}, content) is None


def compute_for(seconds):
    end = time.process_time() + seconds
    while time.process_time() <= end:
        pass


def test_a_fault_is_found(monkeypatch):
    """The examination finds what it is for: another exception, a wrong answer, memory and time."""
    described, content = mutants.seeds()[SMALL]
    net = cnn.load(content)
    for method, does, words in (
        ("predict", lambda self, X: {}["x"], "predict: KeyError"),
        ("predict", lambda self, X: None + 1, "predict: TypeError"),
        ("__repr__", lambda self: "x" * (2 * examined.ANSWERS), "bytes of memory"),
        ("save", lambda self, file: file.write(bytes([examined.ROWS]) + content[1:] * 2), "save: "),
        ("diagnose", lambda self, X, y: compute_for(examined.SECONDS), "diagnose took"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(type(net), method, does)
            with pytest.raises(examined.MutantError, match=words):
                examined.examine(described, content, measured="memory" in words)
    assert examined.examine(described, content)
