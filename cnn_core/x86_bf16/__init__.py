"""AVX512_BF16 and AVX512_VNNI, beside those of x86_v4: Intel Cooper Lake of 2020, AMD Zen 4 of 2022."""
