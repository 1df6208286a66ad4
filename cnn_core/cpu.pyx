"""Instruction sets of this processor, found with cpuid; compiled for the baseline, so that it runs on every processor.

An instruction set counts only if the processor has it (cpuid) and the operating system saves its registers (xgetbv,
itself there only under OSXSAVE).
"""

cdef extern from *:
    """
    #if defined(__x86_64__) || defined(_M_X64)
      #define CNN_X86 1
      #if defined(_MSC_VER)
        #include <intrin.h>
        #include <immintrin.h>
        static void cnn_cpuid(int leaf, int part, int r[4]) { __cpuidex(r, leaf, part); }
        static unsigned cnn_xcr0(void) { return (unsigned)_xgetbv(0); }
      #else
        #include <cpuid.h>
        static void cnn_cpuid(int leaf, int part, int r[4]) {
          unsigned a = 0, b = 0, c = 0, d = 0;
          __get_cpuid_count((unsigned)leaf, (unsigned)part, &a, &b, &c, &d);
          r[0] = (int)a; r[1] = (int)b; r[2] = (int)c; r[3] = (int)d;
        }
        static unsigned cnn_xcr0(void) {
          unsigned a, d;
          __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
          return a;
        }
      #endif
    #else
      #define CNN_X86 0
      static void cnn_cpuid(int leaf, int part, int r[4]) { (void)leaf; (void)part; r[0] = r[1] = r[2] = r[3] = 0; }
      static unsigned cnn_xcr0(void) { return 0; }
    #endif
    #if defined(__x86_64__) && defined(__linux__)
      #include <sys/syscall.h>
      #include <unistd.h>
      /* ARCH_REQ_XCOMP_PERM, for the registers of tiles */
      static int cnn_permit_tiles(void) { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; }
    #else
      static int cnn_permit_tiles(void) { return 0; }
    #endif
    """
    bint CNN_X86
    bint cnn_permit_tiles()
    void cnn_cpuid(int leaf, int part, int *registers)
    unsigned cnn_xcr0()


cdef bint has(int word, bits):
    for bit in bits:
        if not (<unsigned>word >> <int>bit) & 1:
            return False
    return True


def supported():
    """Names of the instruction sets this processor and its operating system can run, best first.

    Returns
    -------
    tuple of str
        From "x86_v4", "x86_v3", "x86_v2" (the levels of the x86-64 psABI) and "portable", which is always there.

    Examples
    --------
    >>> from cnn_core.cpu import supported
    >>> supported()[-1]
    'portable'
    """
    cdef int one[4]
    cdef int seven[4]
    cdef int extended[4]
    cdef unsigned saved
    if not CNN_X86:
        return ("portable",)
    cnn_cpuid(1, 0, one)
    cnn_cpuid(7, 0, seven)
    cnn_cpuid(<int>0x80000001, 0, extended)
    # ecx of leaf 1: sse3 0, ssse3 9, fma 12, cx16 13, sse4.1 19, sse4.2 20, movbe 22, popcnt 23, osxsave 27, avx 28,
    # f16c 29
    if not (has(one[2], (0, 9, 13, 19, 20, 23)) and has(extended[2], (0,))):
        return ("portable",)
    saved = cnn_xcr0() if has(one[2], (27,)) else 0
    # ebx of leaf 7: bmi1 3, avx2 5, bmi2 8, avx512 f 16, dq 17, cd 28, bw 30, vl 31; lzcnt is extended 5
    if not (saved & 0x06 == 0x06 and has(one[2], (12, 22, 28, 29)) and has(seven[1], (3, 5, 8))
            and has(extended[2], (5,))):
        return ("x86_v2", "portable")
    if not (saved & 0xE6 == 0xE6 and has(seven[1], (16, 17, 28, 30, 31))):
        return ("x86_v3", "x86_v2", "portable")
    return ("x86_v4", "x86_v3", "x86_v2", "portable")


def supported_low_precision():
    """Names of the instruction sets for low precision this processor and its operating system can run, best first.

    Returns
    -------
    tuple of str
        Those of `supported`; before them "x86_amx" and "x86_bf16", which have instructions for bfloat16 and int8. The
        operating system must also permit "x86_amx", see `permit_tiles`.

    Examples
    --------
    >>> from cnn_core.cpu import supported, supported_low_precision
    >>> set(supported()) <= set(supported_low_precision())
    True
    """
    cdef int seven[4]
    cdef int one_of_seven[4]
    cdef tuple names = supported()
    if names[0] != "x86_v4":
        return names
    cnn_cpuid(7, 0, seven)
    cnn_cpuid(7, 1, one_of_seven)
    # ecx of leaf 7: avx512 vnni 11; eax of its subleaf 1: avx512 bf16 5
    if not (has(seven[2], (11,)) and has(one_of_seven[0], (5,))):
        return names
    names = ("x86_bf16", *names)
    # edx of leaf 7: amx bf16 22, tile 24, int8 25
    if has(seven[3], (22, 24, 25)) and cnn_xcr0() & 0x60000 == 0x60000:
        return ("x86_amx", *names)
    return names


def permit_tiles():
    """Request permission from the operating system to use the tiles of AMX; repeated calls change nothing.

    Returns
    -------
    bool
        Whether they may be used. From then on, Linux requires larger alternate signal stacks.

    Examples
    --------
    >>> from cnn_core.cpu import permit_tiles, supported_low_precision
    >>> "x86_amx" in supported_low_precision() or not permit_tiles()
    True
    """
    return bool(cnn_permit_tiles())
