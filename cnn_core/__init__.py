"""The compiled core of compiled-nn: dense layers at the limit of the processor ("cnn" means "compiled nn").

The kernels are compiled once for each instruction set; at import the best one for this processor is chosen. The
environment variable ``CNN_CORE_ISA``, or ``COMPILED_NN_ISA``, chooses another one by its name; "baseline" is the one
that runs on most processors. Kernels for bfloat16 and int8 have more instruction sets, of which
``CNN_CORE_LOW_PRECISION`` chooses another one by its name.

Attributes
----------
isa : str
    Instruction set in use: "x86_v4", "x86_v3", "x86_v2" or "portable".
low_precision : str
    Instruction set in use for bfloat16 and int8: that of `isa`; in place of "x86_v4" the best one of "x86_amx",
    "x86_bf16" and "x86_v4".

Examples
--------
>>> import cnn_core
>>> cnn_core.isa in cnn_core.available()  # the first one, unless an environment variable chooses another one
True
>>> cnn_core.low_precision in cnn_core.available_low_precision()
True
"""

import os
from importlib.machinery import EXTENSION_SUFFIXES

try:
    from cnn_core.cpu import supported, supported_low_precision
except ImportError as error:
    raise ImportError(
        "cnn_core is not built here: install it (pip install .), or leave the source folder if a wheel is installed"
    ) from error


def available() -> tuple[str, ...]:
    """Instruction sets of this build that this processor can run, best first.

    Returns
    -------
    tuple of str
        Names, as those of :func:`cnn_core.cpu.supported`.

    Examples
    --------
    >>> import cnn_core
    >>> len(cnn_core.available()) >= 1, set(cnn_core.available()) <= set(cnn_core.cpu.supported())
    (True, True)
    """
    return _built(supported(), "kernels_f32")


def available_low_precision() -> tuple[str, ...]:
    """Instruction sets for bfloat16 and int8 of this build that this processor can run, best first.

    Returns
    -------
    tuple of str
        Names, as those of :func:`cnn_core.cpu.supported_low_precision`.

    Examples
    --------
    >>> import cnn_core
    >>> cnn_core.low_precision in cnn_core.available_low_precision()
    True
    """
    return _built(supported_low_precision(), "low_precision")


def _built(names: tuple[str, ...], module: str) -> tuple[str, ...]:
    """Those of the instruction sets whose module is in this build."""
    folder = os.path.dirname(os.path.abspath(__file__))
    return tuple(
        name
        for name in names
        if any(os.path.exists(os.path.join(folder, name, module + suffix)) for suffix in EXTENSION_SUFFIXES)
    )


def _choose() -> str:
    variable = next((name for name in ("CNN_CORE_ISA", "COMPILED_NN_ISA") if os.environ.get(name)), "")
    wanted = os.environ.get(variable)
    names = available()
    if not names:
        raise ImportError(
            "cnn_core has no kernels for this processor in this build: install it from source with the environment"
            " variable CNN_CORE_PORTABLE=1"
        )
    if not wanted:
        return names[0]
    if wanted == "baseline":
        return names[-1]
    if wanted not in names:
        raise ImportError(
            f"{variable} is {wanted!r}; this build on this processor has {', '.join(map(repr, names))}"
        )
    return wanted


def _choose_low_precision() -> str:
    wanted = os.environ.get("CNN_CORE_LOW_PRECISION")
    if not wanted and isa != "x86_v4":
        return isa
    names = available_low_precision()
    if wanted and wanted not in names:
        raise ImportError(
            f"CNN_CORE_LOW_PRECISION is {wanted!r}; this build on this processor has {', '.join(map(repr, names))}"
        )
    return wanted or names[0]


isa: str = _choose()
low_precision: str = _choose_low_precision()
