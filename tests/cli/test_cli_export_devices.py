"""The command `export` for C and JSON."""

import json

import pytest
from command_line import flowers


@pytest.mark.parametrize(("name", "also"), [("m.c", ["m.h"]), ("m.json", [])])
def test_formats_of_devices(run, folder, name, also):
    flowers()
    assert run("train", "flowers.csv", "--target", "kind", "-o", "m.safetensors", "--epochs", "5")[0] == 0
    before = {path.name for path in folder.iterdir()}
    code, out, err = run("export", "m.safetensors", "-o", name, "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert result["format"] == name.split(".")[1]
    assert 0 < result["verification"]["largest_difference"] < 1e-5
    assert {path.name for path in folder.iterdir()} - before == {name, *also}


def test_options_of_other_formats(run, folder):
    flowers()
    assert run("train", "flowers.csv", "--target", "kind", "-o", "m.safetensors", "--epochs", "2")[0] == 0
    for name, argv in (("m.c", ["--opset", "17"]), ("m.json", ["--dtype", "float64"])):
        code, out, err = run("export", "m.safetensors", "-o", name, *argv)
        assert (code, out) == (2, "")
        assert f"{argv[0]} does not apply to the format {name[2:]}" in err
        assert not (folder / name).exists()
    assert run("export", "m.safetensors", "-o", "m.c", "--dtype", "float64")[0] == 0
    assert "double" in (folder / "m.h").read_text()
