"""The public names, their signatures and the declarations for Cython are those of the stored text.

A change of the stored text is a change of the interface: it belongs into CHANGELOG.md, and what is removed or renamed
goes through a deprecation first. `python tests/helpers/public_api.py` rewrites the text.
"""

import difflib

import compiled_nn as cnn
from public_api import STORED, parameters, public_api


def test_the_interface_is_the_stored_one():
    stored, present = STORED.read_text(encoding="utf-8"), public_api()
    difference = difflib.unified_diff(
        stored.splitlines(), present.splitlines(), "stored", "present", lineterm="", n=1
    )
    assert stored == present, "\n".join(difference)


def test_the_text_shows_what_a_caller_depends_on():
    text = public_api()
    assert f"class Network{parameters(cnn.Network)}" in text
    assert parameters(lambda a, /, b=1, *c, d=2.5, **e: a) == "(a, /, b=1, *c, d=2.5, **e)"
    assert " at 0x" not in text  # it is the same in every process
    for line in ("    cdef Net net", "class DivergenceError", "    def train("):
        assert line in text, line
