"""Builds the compiled core: each hot module once for each instruction set and type of real, the others once.

Everything that can be declared is in pyproject.toml; this file has the extensions and the compiler's flags. Cython
runs in one thread, since several would write different C from run to run; the C compiler runs in parallel.
"""

import os
import re
import runpy
import shutil
import sys

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

COLD = ("bench", "cpu", "functions", "gram", "layers", "stack", "threads")
FAST_CALLS = ("layers",)  # of them: -Os would cost a single-row prediction 6 % of its time
REALS = {"f32": [], "f64": [("CNN_DOUBLE", "1")]}  # macros by type of real
AVX2 = ["-mavx2", "-mfma", "-mbmi", "-mbmi2", "-mlzcnt", "-mmovbe", "-mf16c", "-mpopcnt", "-mcx16"]
AVX512 = ["-mavx512f", "-mavx512bw", "-mavx512cd", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"]
# Spelled out, not -march=x86-64-v3: every GCC, clang and zig takes these.
INSTRUCTION_SETS = {
    "x86_v2": ["-msse3", "-mssse3", "-msse4.1", "-msse4.2", "-mpopcnt", "-mcx16"],
    "x86_v3": AVX2,
    "x86_v4": [*AVX2, *AVX512],
    "portable": [],
}
BF16 = ["-mavx512bf16", "-mavx512vnni"]
# Sets of the module `low_precision` alone, for processors whose other kernels are those of x86_v4.
LOW_PRECISION_SETS = {
    "x86_bf16": [*AVX2, *AVX512, *BF16],
    "x86_amx": [*AVX2, *AVX512, *BF16, "-mamx-tile", "-mamx-bf16", "-mamx-int8"],
}
# Not -ffast-math: linked with it, an import makes the whole process flush subnormals, and it breaks the
# rounding in exp. Without -fno-ipa-cp GCC compiles the tables of tiles once more for each constant argument
# (clang does not, and says that it ignores the flag). Without avoid-fma-max-bits=0, a later GCC (16) fuses sums of
# products in vectors of 32 bytes in some copies of a loop and not in others: bits would depend on the number of
# threads. The last flags leave out copies of loops, a tenth of what is shipped, which are not felt: the kernels say
# themselves what is inlined, and which loop is for which case.
HOT_FLAGS = ["-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fno-ipa-cp"]
HOT_FLAGS += ["--param=avoid-fma-max-bits=0"]
HOT_FLAGS += ["-fno-unswitch-loops", "-fno-peel-loops", "-fno-gcse-after-reload", "-fno-inline-functions"]
# The other modules round each product, so that a baseline with fused multiply-add gives the bits of one without.
COLD_FLAGS = ["-ffp-contract=off"]
DIRECTIVES = {
    "language_level": 3,
    "autotestdict": False,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "freethreading_compatible": True,
    "binding": False,  # functions of Cython's own kind would be 6 kB a module
    "embedsignature": True,
    "embedsignature.format": "clinic",
}


def hot_extension(real: str, isa: str) -> Extension:
    return Extension(
        f"cnn_core.{isa}.kernels_{real}",
        ["cnn_core/kernels/kernels.pyx"],
        include_dirs=["cnn_core/kernels"],
        define_macros=list(REALS[real]),
    )


def low_precision_extension(isa: str) -> Extension:
    return Extension(
        f"cnn_core.{isa}.low_precision",
        ["cnn_core/low_precision/low_precision.pyx"],
        include_dirs=["cnn_core/low_precision", "cnn_core/kernels"],
    )


def cold_extension(concept: str) -> Extension:
    return Extension(
        f"cnn_core.{concept}",
        [f"cnn_core/{concept}.pyx"],
        include_dirs=[numpy.get_include()],
        # With vectors of arguments, Cython 3.3 releases uninitialised references when a tuple cannot be allocated.
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"), ("CYTHON_VECTORCALL_TPNEW", "0")],
    )


def isa_of(extension: Extension) -> str:
    """The folder of a hot module below cnn_core; empty for a cold one."""
    return extension.name.removeprefix("cnn_core.").rpartition(".")[0]


def flags_of(isa: str) -> list[str]:
    return {**INSTRUCTION_SETS, **LOW_PRECISION_SETS}[isa]


class BuildExt(build_ext):
    """Cythonizes and compiles, with the flags that the compiler and the processor aimed at want."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()
        # ARCHFLAGS says what a macOS build is for, whatever the interpreter's own platform.
        self.target = os.environ.get("ARCHFLAGS") or self.plat_name
        x86 = any(name in self.target for name in ("x86_64", "amd64"))
        if os.environ.get("CNN_CORE_PORTABLE") == "1" or not (x86 or "universal2" in self.target):
            self.leave_out("x86")
        elif x86:
            self.leave_out("portable")

    def leave_out(self, prefix: str) -> None:
        """Do not build the instruction sets whose names start so."""
        self.extensions = [e for e in self.extensions if not isa_of(e).startswith(prefix)]

    def build_extensions(self) -> None:
        if self.compiler.compiler_type == "msvc":
            self.prepare_windows()
        else:
            self.prepare_unix()
        self.cythonize_extensions()
        super().build_extensions()

    def prepare_unix(self) -> None:
        """Flags of GCC, clang and `zig cc`."""
        macos, aarch64 = sys.platform == "darwin", self.target.endswith(("aarch64", "arm64"))
        for extension in self.extensions:
            extension.extra_link_args = ["-lm"] if macos else ["-lm", "-Wl,--strip-all"]
            # Unwind tables are a tenth of what is shipped; nothing throws through C.
            extension.extra_compile_args = ["-g0", "-fno-asynchronous-unwind-tables"]
            if isa := isa_of(extension):
                extension.extra_compile_args += HOT_FLAGS
                for flag in flags_of(isa):  # a universal build compiles each file for arm64 too
                    extension.extra_compile_args += ["-Xarch_x86_64", flag] if macos else [flag]
                if aarch64 and not macos:  # GCC's first scheduling pass spills the tiles there
                    extension.extra_compile_args.append("-fno-schedule-insns")
                extension.define_macros.append(("CYTHON_INLINE", "__inline__ __attribute__((always_inline))"))
            else:
                fast = extension.name.rpartition(".")[2] in FAST_CALLS
                extension.extra_compile_args += [*COLD_FLAGS, "-O2" if fast else "-Os"]

    def prepare_windows(self) -> None:
        """clang-cl where LLVM is installed; MSVC, which has no vector extensions, builds the portable set alone."""
        clang = shutil.which("clang-cl")
        if clang is None:
            self.extensions = [e for e in self.extensions if not isa_of(e)] + [
                *(hot_extension(real, "portable") for real in REALS),
                low_precision_extension("portable"),
            ]
            return
        self.compiler.initialize(self.plat_name)
        self.compiler.cc = clang
        processor = "aarch64" if self.target.endswith("arm64") else "x86_64"
        for extension in self.extensions:
            extension.extra_compile_args = [f"--target={processor}-pc-windows-msvc"]
            if isa := isa_of(extension):
                extension.extra_compile_args += [f"/clang:{flag}" for flag in [*HOT_FLAGS, *flags_of(isa)]]
                extension.define_macros.append(("CYTHON_INLINE", "__inline __attribute__((always_inline))"))
            else:
                extension.extra_compile_args += [f"/clang:{flag}" for flag in COLD_FLAGS]

    def cythonize_extensions(self) -> None:
        """C for each extension; hot modules share their .pyx, so each has a folder of its own."""
        for extension in self.extensions:
            folder = extension.name.replace(".", "_") if isa_of(extension) else "cold"
            (made,) = cythonize(
                # without flags and macros: cythonize adds those of extensions that share a source
                [Extension(extension.name, extension.sources, include_dirs=extension.include_dirs)],
                build_dir=os.path.join(self.build_temp, "c", folder),
                compiler_directives=DIRECTIVES,
                force=self.force,
            )
            extension.sources, extension.depends = made.sources, [*made.depends, __file__]


REPOSITORY = runpy.run_path("python/compiled_nn/_version.py")["REPOSITORY"]


def project_urls() -> dict[str, str]:
    """Addresses of the project, for its page in an index of packages; none while the repository has no address."""
    places = {
        "Repository": "",
        "Documentation": "/tree/main/docs",
        "Changelog": "/blob/main/CHANGELOG.md",
        "Issues": "/issues",
    }
    return {name: REPOSITORY + place for name, place in places.items()} if REPOSITORY else {}


def description() -> str:
    """README, with the addresses of pages and pictures: relative links lead nowhere in an index of packages."""
    with open("README.md", encoding="utf-8") as file:
        text = file.read()
    if not REPOSITORY:
        return text
    text = re.sub(r"(!\[[^\]]*\]\()(?!https?:)", rf"\g<1>{REPOSITORY}/raw/main/", text)
    return re.sub(r"(\]\()(?!https?:|#)", rf"\g<1>{REPOSITORY}/blob/main/", text)


hot = [hot_extension(real, isa) for isa in INSTRUCTION_SETS for real in REALS]
low_precision = [low_precision_extension(isa) for isa in (*INSTRUCTION_SETS, *LOW_PRECISION_SETS)]
setup(
    ext_modules=[*hot, *low_precision, *map(cold_extension, COLD)],
    cmdclass={"build_ext": BuildExt},
    project_urls=project_urls(),
    long_description=description(),
    long_description_content_type="text/markdown",
)
