"""SSE up to 4.2 (x86-64-v2): Intel Nehalem of 2008, AMD Bulldozer of 2011, and later. No fused multiply-add."""
