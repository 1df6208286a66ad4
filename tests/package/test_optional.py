"""Optional libraries: what is said where one is absent, and that a broken one is not called absent."""

import pytest
from compiled_nn.common import optional

LIBRARY = {"purpose": "the test", "library": "Half", "extra": "plot"}


def test_absent():
    with pytest.raises(ImportError, match=r'^the test needs Half; pip install "compiled-nn\[plot\]"$'):
        optional.load("half_of_a_library.part", **LIBRARY)


def test_broken(tmp_path, monkeypatch):
    (tmp_path / "half_of_a_library.py").write_text("import what_it_takes_itself\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="'what_it_takes_itself'"):
        optional.load("half_of_a_library", **LIBRARY)
