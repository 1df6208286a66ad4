"""A pool of threads for regions of nogil code: `run_shares(work, argument, size)`, or `run_parallel` with barriers."""

cdef enum:
    MOST_THREADS = 64

ctypedef void (*work_fn)(void *argument, int rank, int size) noexcept nogil

cdef struct Pool

cdef int current_threads() except -1
cdef Pool *get_pool() noexcept nogil
cdef int acquire_threads(int wanted, bint is_short) noexcept nogil
cdef void run_parallel(work_fn work, void *argument, int size) noexcept nogil
cdef void run_shares(work_fn work, void *argument, int size, bint equal) noexcept nogil
cdef void divide(void *pool, work_fn work, void *argument, int size) noexcept nogil
cdef void release_threads(int size) noexcept nogil
cdef void wait(void *pool, int rank) noexcept nogil
cdef void raise_flag(int *flag) noexcept nogil
cdef bint is_raised(int *flag) noexcept nogil
cdef int atomic_add(int *number, int summand) noexcept nogil
cdef bint replace_number(int *number, int old, int new) noexcept nogil
cdef int read_number(int *number) noexcept nogil
