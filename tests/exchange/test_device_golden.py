"""Golden files for C and JSON: files of an earlier version give the numbers of the library."""

import ctypes
import json
import shutil
import subprocess

import device_golden
import numpy as np
import pytest
from language import ROOT


def test_the_source_is_the_same(tmp_path):
    """The source is written as before; the header differs in versions."""
    device_golden.model().to_c(tmp_path / "device.c")
    written, golden = (
        (folder / "device.c").read_text().split("#ifdef DEVICE_SELF_TEST")[0]
        for folder in (tmp_path, device_golden.FOLDER)
    )
    assert written == golden


def test_c(tmp_path):
    if shutil.which("gcc") is None:
        pytest.skip("there is no C compiler")
    source, library = device_golden.FOLDER / "device.c", tmp_path / "device.so"
    subprocess.run(
        ["gcc", "-std=c99", "-fPIC", "-shared", str(source), "-o", str(library), "-lm"], check=True
    )
    predict = ctypes.CDLL(str(library)).device_predict
    predict.argtypes = [np.ctypeslib.ndpointer(np.float32)] * 2
    out = np.zeros((4, 3), np.float32)
    found = [predict(row, to) for row, to in zip(device_golden.X.astype(np.float32), out, strict=True)]
    net = device_golden.model()
    assert np.abs(out - net.predict_proba(device_golden.X)).max() < 1e-6  # rounding of float32
    assert found == net.predict(device_golden.X).tolist()


def test_json():
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    program = (
        "const { predict } = require(process.argv[1]), fs = require('fs');"
        "const model = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));"
        "console.log(JSON.stringify(JSON.parse(process.argv[3]).map(row => predict(model, row))));"
    )
    arguments = [str(ROOT / "docs" / "guide" / "reader.js"), str(device_golden.FOLDER / "device.json")]
    rows = json.dumps(device_golden.X.tolist())
    done = subprocess.run(
        ["node", "-e", program, *arguments, rows], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    net = device_golden.model()
    p = np.array([each["probabilities"] for each in found])
    assert np.abs(p - net.predict_proba(device_golden.X)).max() < 1e-6  # rounding of float32
    assert [each["label"] for each in found] == net.predict(device_golden.X).tolist()
