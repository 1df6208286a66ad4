"""Names of the instruction sets, best first. Those of a group give the same bits."""

WITH_FMA = ("x86_v4", "x86_v3")  # with fused multiply-add
WITHOUT_FMA = ("x86_v2", "portable")
NAMES = (*WITH_FMA, *WITHOUT_FMA)
# For bfloat16 and int8, best first.
LOW_PRECISION_NAMES = ("x86_amx", "x86_bf16", *NAMES)
