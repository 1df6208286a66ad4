"""A team of threads for one region of nogil code: `run(work, argument, size)`."""

cdef enum:
    MOST_THREADS = 64

ctypedef void (*work_fn)(void *argument, int rank, int size) noexcept nogil

cdef struct Team

cdef int current_threads() except -1
cdef Team *the_team() noexcept nogil
cdef int begin(int wanted) noexcept nogil
cdef void work_together(work_fn work, void *argument, int size) noexcept nogil
cdef void end(int size) noexcept nogil
cdef void wait(void *team, int rank) noexcept nogil
