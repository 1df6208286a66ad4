"""Builds the compiled core: each hot module once an instruction set and type of real, the others once.

Everything that can be declared stands in pyproject.toml; this file only says which extensions there are.
"""

import os
import platform
import sys

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HOT = ("dense", "losses", "optimizers")
COLD = ("cpu", "stack", "threads")
REALS = {"f32": [], "f64": [("CNN_DOUBLE", "1")]}      # macros by type of real
INSTRUCTION_SETS = {
    "x86_v2": ["-msse3", "-mssse3", "-msse4.1", "-msse4.2", "-mpopcnt", "-mcx16"],
    "x86_v3": ["-mavx2", "-mfma", "-mbmi", "-mbmi2", "-mlzcnt", "-mmovbe", "-mf16c", "-mpopcnt", "-mcx16"],
    "x86_v4": [
        *("-mavx2", "-mfma", "-mbmi", "-mbmi2", "-mlzcnt", "-mmovbe", "-mf16c", "-mpopcnt", "-mcx16"),
        *("-mavx512f", "-mavx512bw", "-mavx512cd", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"),
    ],
    "portable": [],
}
# Not -ffast-math: linked with it, an import makes the whole process flush subnormals, and it breaks the rounding in exp.
HOT_FLAGS = ["-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"]
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": True,
}


def target_is_x86_64() -> bool:
    """Whether the wheel is for x86-64: asked of the cross-build's environment first."""
    target = os.environ.get("ARCHFLAGS", "") + os.environ.get("_PYTHON_HOST_PLATFORM", "")
    return ("x86_64" in target) if target else platform.machine().lower() in ("x86_64", "amd64")


def hot_extension(concept: str, real: str, isa: str) -> Extension:
    return Extension(
        f"cnn_core.{isa}.{concept}_{real}",
        [f"cnn_core/{concept}.pyx"],
        include_dirs=["cnn_core"],
    )


def cold_extension(concept: str) -> Extension:
    return Extension(
        f"cnn_core.{concept}",
        [f"cnn_core/{concept}.pyx"],
        include_dirs=["cnn_core", numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
    )


class BuildExt(build_ext):
    """Compiles in parallel, each hot module with the flags of its instruction set and type of real.

    Flags are set here and not handed to cythonize, which would add them up over the extensions of one source.
    """

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self) -> None:
        unix = self.compiler.compiler_type != "msvc"
        for extension in self.extensions:
            isa, _, module = extension.name.removeprefix("cnn_core.").rpartition(".")
            if isa:
                extension.define_macros = list(REALS[module.rpartition("_")[2]])
            if unix:
                extension.extra_compile_args = ["-g0", *([*HOT_FLAGS, *INSTRUCTION_SETS[isa]] if isa else ["-O2"])]
                extension.extra_link_args = ["-lm"] + ([] if sys.platform == "darwin" else ["-Wl,--strip-all"])
                if isa:
                    extension.define_macros.append(("CYTHON_INLINE", "__inline__ __attribute__((always_inline))"))
        super().build_extensions()


def extensions() -> list[Extension]:
    built: list[Extension] = []
    sets = INSTRUCTION_SETS if target_is_x86_64() else ["portable"]
    build_dir = os.environ.get("CNN_CORE_BUILD_DIR", "build/cython")
    for isa in sets:
        for real in REALS:
            built += cythonize(
                [hot_extension(concept, real, isa) for concept in HOT],
                build_dir=f"{build_dir}/{isa}_{real}",
                compiler_directives=DIRECTIVES,
            )
    built += cythonize(
        [cold_extension(concept) for concept in COLD],
        build_dir=build_dir,
        compiler_directives=DIRECTIVES,
    )
    return built


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildExt})
