"""Machine code of the installed modules: none has an instruction beyond its set, as `objdump` prints them."""

import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import cnn_core

CORE = Path(cnn_core.__file__).parent
OBJDUMP = shutil.which("objdump")
# Registers of 512 bits and masks; of 256 bits; instructions of AVX on registers of any size.
TILES, BF16 = r"%tmm", r"\bv\w*bf16|\bvpdp"
AVX512, AVX = r"%zmm|%k[1-7]\b|%[xy]mm(?:1[6-9]|2\d|3[01])\b", r"%[yz]mm|\bv[a-z0-9]+\s.*%xmm"
FORBIDDEN = {
    "x86_amx": None,
    "x86_bf16": TILES,
    "x86_v4": f"{TILES}|{BF16}",
    "x86_v3": AVX512,
    "x86_v2": AVX,
    "portable": AVX,
    "cnn_core": AVX,
}
NEEDED = {"x86_amx": TILES, "x86_bf16": BF16, "x86_v4": AVX512}
MODULES = sorted(CORE.rglob("*.so"))

pytestmark = [
    pytest.mark.skipif(OBJDUMP is None, reason="objdump is not installed"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="instructions of x86-64"),
]


def found(path, pattern):
    """Return the first instructions of a module that match a pattern."""
    done = subprocess.run(
        [OBJDUMP, "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("\n") > 500  # it was disassembled
    return [line.strip() for line in done.stdout.splitlines() if re.search(pattern, line)][:3]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(CORE).as_posix().split(".")[0])
def test_no_module_has_instructions_beyond_its_set(path):
    isa = path.parent.name
    if FORBIDDEN[isa] is not None:
        assert found(path, FORBIDDEN[isa]) == []
    if isa in NEEDED:
        assert found(path, NEEDED[isa])  # the patterns find what they are for


def test_modules_and_patterns():
    assert {path.parent.name for path in MODULES} >= {"cnn_core", cnn_core.isa}
    for text, avx, avx512 in (
        ("vfmadd231ps %zmm0,%zmm1,%zmm2", True, True),
        ("vmovups (%rax),%ymm3", True, False),
        ("vaddss %xmm0,%xmm1,%xmm2", True, False),
        ("vmovaps %xmm17,%xmm1", True, True),
        ("kmovw  %k1,%eax", False, True),
        ("addps  %xmm0,%xmm1", False, False),
        ("verr   %ax", False, False),
    ):
        assert (bool(re.search(AVX, text)), bool(re.search(AVX512, text))) == (avx, avx512), text
    for text in (
        "vdpbf16ps %zmm0,%zmm1,%zmm2",
        "vcvtne2ps2bf16 %zmm0,%zmm1,%zmm2",
        "vpdpbusd %zmm0,%zmm1,%zmm2",
    ):
        assert re.search(BF16, text)
