"""AVX2 and FMA (x86-64-v3): Intel Haswell of 2013, AMD Zen of 2017, and later."""
