"""AMX with bfloat16 and int8, beside those of x86_bf16: Intel Sapphire Rapids of 2023, and later servers."""
