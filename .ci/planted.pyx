

# Bugs on purpose: .ci/common adds them to the copy of bench.pyx that is built with a sanitizer, and expects its report.

from libc.stdlib cimport free, malloc

cdef void planted_share(void *shared, int rank, int size) noexcept nogil:
    cdef int i
    for i in range(100000):
        (<int *>shared)[0] += rank


def planted(str kind, int count):
    cdef int *numbers = <int *>malloc(count * sizeof(int))
    cdef int i, size, result = 2147483647
    for i in range(count):
        numbers[i] = 1
    if kind == "heap-buffer-overflow":
        result = numbers[count]
    elif kind == "signed integer overflow":
        result += numbers[0]
    elif kind == "data race":
        with nogil:
            size = acquire_threads(2, False)
            run_parallel(planted_share, numbers, size)
            release_threads(size)
        if size < 2:
            raise RuntimeError("the pool has no second thread")
        result = numbers[0]
    free(numbers)
    return result
