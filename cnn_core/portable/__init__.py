"""The compiler's baseline for the platform: SSE2 on x86-64, NEON on aarch64, plain scalars elsewhere."""
