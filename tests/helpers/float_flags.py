"""Floating-point exception flags of the processor, through <fenv.h>."""

import ctypes
import ctypes.util
import platform
import sys

import pytest

# FE_INVALID, FE_DIVBYZERO, FE_OVERFLOW
FLAGS = {"x86_64": (1, 4, 8), "aarch64": (1, 2, 4), "arm64": (1, 2, 4)}.get(platform.machine())
needs_fenv = pytest.mark.skipif(
    FLAGS is None or sys.platform == "win32",
    reason="the flags of <fenv.h> are not known on this platform",
)


def flags_raised(f):
    """Return the bits of FE_INVALID, FE_DIVBYZERO and FE_OVERFLOW that f() raises in this thread."""
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    libm.feclearexcept(sum(FLAGS))
    f()
    return libm.fetestexcept(sum(FLAGS))
