"""AVX-512 F, BW, CD, DQ and VL (x86-64-v4): Intel Skylake-SP of 2017, AMD Zen 4 of 2022, and later servers."""
