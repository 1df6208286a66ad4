"""A pool of threads for regions of nogil code: `run_parallel(work, argument, size)`."""

cdef enum:
    MOST_THREADS = 64

ctypedef void (*work_fn)(void *argument, int rank, int size) noexcept nogil

cdef struct Pool

cdef int current_threads() except -1
cdef Pool *get_pool() noexcept nogil
cdef int acquire_threads(int wanted) noexcept nogil
cdef void run_parallel(work_fn work, void *argument, int size) noexcept nogil
cdef void release_threads(int size) noexcept nogil
cdef void wait(void *pool, int rank) noexcept nogil
cdef void raise_flag(int *flag) noexcept nogil
cdef bint is_raised(int *flag) noexcept nogil
cdef int atomic_add(int *number, int summand) noexcept nogil
