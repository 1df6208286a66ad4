"""Files of earlier versions load for ever, and predict and train on as they did; trainings keep their bits.

A release that changes the format adds an archive (`golden/write.py`); none is ever replaced. The recorded bits are
those of Linux: on x86-64 with fused multiply-add those of GCC 12, on aarch64 those of clang, since the compiler decides
which products are fused.
"""

import json
import platform
import re
from pathlib import Path

import compiled_nn as cnn
import numpy as np
import pytest
from golden import archive, cases, data, drawn, files, network_cases
from instruction_sets import WITH_FMA

import cnn_core

GOLDEN = Path(__file__).resolve().parents[1] / "helpers" / "golden"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
ARCHIVES = {path.name.removesuffix(".tar.gz"): archive.Archive(path) for path in GOLDEN.glob("*.tar.gz")}
FILES = [(of, name) for of, each in ARCHIVES.items() for name in each.index]
HASHES = json.loads((GOLDEN / "hashes.json").read_text())
COMPARED = [(group, name) for group, named in cases.CASES.items() for name in named]
# Where bits differ: docs/internals/numerics.md allows this much for outputs of a first layer that has scaling folded
# into it, and less for ten steps of training; no file takes more.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
# Numbers at the end of "trained_on" that are parameters and statistics of batch normalisation: the last batch of 4 rows
# then moved the running statistics as much as a full one, and now in proportion to its rows.
# Another order of the sums rounds inputs of a later layer to the neighbouring number of bfloat16 or int8.
NARROW = 0.05
COUNTED = {"network-norm_batch": 27, "network-ema": 15}
FUSED = cnn_core.isa in WITH_FMA or platform.machine() == "aarch64"


def compilers():
    """Return the names and major versions of the compilers in the core's kernels."""
    kernels = Path(cnn_core.__file__).parent.rglob(f"{cnn_core.isa}/*.so")
    named = [
        re.findall(rb"(GCC): \([^)]*\) (\d+)|(clang) version (\d+)", path.read_bytes()) for path in kernels
    ]
    return {b" ".join(filter(None, each)).decode() for found in named for each in found}


def has_recorded_bits():
    """Whether this build has the bits on record."""
    if (platform.system(), platform.libc_ver()[0]) != ("Linux", "glibc"):
        return False
    if not FUSED:
        return platform.machine() == "x86_64"
    compiler = {"x86_64": "GCC 12", "aarch64": "clang"}[platform.machine()]
    return {name[: len(compiler)] for name in compilers()} == {compiler}


SAME_BITS = has_recorded_bits()


@pytest.fixture(scope="module", autouse=True)
def own_activation():
    data.own_activation()


# ---- files


def test_every_file_is_expected():
    assert {path.stem for path in GOLDEN.glob("*.safetensors")} == set(EXPECTED["networks"])
    assert set(ARCHIVES) == {"format3", "format4", "members", "narrow", "options"}
    for each in ARCHIVES.values():
        assert set(each.files()) == set(each.index)
        assert max(map(len, each.files().values())) < 20_000
    assert sum(path.stat().st_size for path in GOLDEN.iterdir() if path.is_file()) < 500_000


@pytest.mark.parametrize("name", EXPECTED["networks"])
def test_the_first_formats(name, tmp_path):
    X, expected = np.array(EXPECTED["X"]), EXPECTED["networks"][name]
    net = cnn.load(GOLDEN / f"{name}.safetensors")
    scores = net.decision_function(X)
    # instruction sets without fused multiply-add round otherwise
    tolerance = 1e-12 if scores.dtype == np.float64 else 1e-5
    assert np.allclose(scores, expected["decision_function"], rtol=tolerance, atol=tolerance)
    predicted = net.predict(X)
    if expected["classes"] is None:
        assert np.allclose(predicted, expected["predict"], rtol=tolerance, atol=tolerance)
    else:
        assert predicted.tolist() == expected["predict"]
        assert net.classes_.tolist() == expected["classes"]
    assert net.n_parameters == expected["n_parameters"]
    net.save(tmp_path / "again.safetensors")
    again = cnn.load(tmp_path / "again.safetensors")
    assert again.decision_function(X).tobytes() == scores.tobytes()


def exact(of, name, result):
    """Whether a result has the recorded bits: not where the BLAS or the exp of NumPy had a part in it at that time."""
    if of == "narrow" and name.startswith("bfloat16"):
        return cnn_core.low_precision == "x86_amx"  # the files are from a processor with these kernels
    if of != "format3":
        return True
    if "embed" in name:
        return result == "trained_on"
    if (
        "scale" in name or "regressor" in name
    ):  # values were not converted to units of y in float64 at that time
        return result == "trained_on"
    if result == "predict_proba.0":
        return "ordinal" not in name
    normal = "gaussian_nll" in name or "normal" in name
    return result != "predict_distribution.1" and not (normal and result.startswith("predict_interval"))


@pytest.mark.parametrize(("of", "name"), FILES, ids=[name for _, name in FILES])
def test_loads_predicts_and_trains_on(of, name, tmp_path):
    path, described, expected = tmp_path / name, ARCHIVES[of].index[name], ARCHIVES[of].results(name)
    path.write_bytes(ARCHIVES[of].files()[name])
    results = files.results(files.read(described["kind"], path), described)
    assert set(results) == set(expected)
    tolerance = NARROW if of == "narrow" else TOLERANCE["float32" if "float32" in name else "float64"]
    for key, array in expected.items():
        assert (results[key].dtype, results[key].shape) == (array.dtype, array.shape)
        kept = len(array) - COUNTED.get(name.rpartition("-")[0], 0) if key == "trained_on" else None
        results[key], array = results[key][:kept], array[:kept]
        if array.dtype.kind != "f" or (FUSED and SAME_BITS and exact(of, name, key)):
            assert results[key].tobytes() == array.tobytes(), key
        else:
            assert np.abs(results[key] - array).max() <= tolerance * np.abs(array).max(), key


# ---- trainings


def test_all_is_drawn():
    layers, parameters, *_ = zip(*map(drawn.draw, range(network_cases.N_DRAWN)), strict=True)
    hidden = [layer for each in layers for layer in each[:-1]]
    assert {layer.activation for layer in hidden} == set(data.ACTIVATIONS)
    assert {layer.norm for layer in hidden} == {None, "batch", "layer", "rms"}
    for name in ("residual", "trainable", "bias"):
        assert {getattr(layer, name) for layer in hidden} == {True, False}
    assert {getattr(each["loss"], "name", each["loss"]) for each in parameters} == {
        getattr(loss, "name", loss) for loss in drawn.LOSSES
    }
    for optimizer in files.OPTIMIZERS:
        assert type(optimizer) in {type(each["optimizer"]) for each in parameters}
    for name in ("dtype", "standardize", "scale_targets", "input_dropout", "clip_norm", "clip_value", "ema"):
        assert len({each[name] for each in parameters}) > 1


def test_all_is_on_record():
    for kind in ("fused", "unfused"):
        assert {(g, n) for g, named in HASHES[kind].items() for n in named} == {
            (g, n) for g, named in cases.CASES.items() for n in named
        }


@pytest.mark.skipif(not SAME_BITS, reason="hashes are of Linux, and with fused multiply-add of one compiler")
@pytest.mark.skipif(
    HASHES["drawn_by_numpy"] != cases.drawn_by_numpy(), reason="this NumPy draws other numbers"
)
@pytest.mark.parametrize(("group", "name"), COMPARED, ids=[name for _, name in COMPARED])
def test_trains_to_the_same_bits(group, name, n_threads):
    with cnn.threads(n_threads):
        found = cases.run(group, name)
    expected = HASHES["fused" if FUSED else "unfused"][group][name]
    assert found == expected
