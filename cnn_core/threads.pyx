"""A small pool of threads: parallel regions of nogil code in which every thread has a rank.

(a) OpenMP is not used: its runtime hangs in a child of fork, spins while idle, and would triple the wheel.
(b) Threads and locks are the interpreter's (`PyThread_*`), which every platform has and which need no GIL. A lock is
    used as a binary semaphore: each worker sleeps on its own locks.
(c) One region runs at a time. A caller that finds the pool busy runs its region with one thread: results do not depend
    on the number of threads, and nested pools do not multiply.
(d) At a barrier inside a region, threads spin for some microseconds, since the others are at most that far behind, then
    sleep. Between regions they sleep; no thread spins while idle.
(e) A child of fork has no workers: its pool starts new ones for the next region.
"""

import os

cdef extern from "Python.h" nogil:
    ctypedef void *PyThread_type_lock
    enum:
        PYTHREAD_INVALID_THREAD_ID
    PyThread_type_lock PyThread_allocate_lock()
    int PyThread_acquire_lock(PyThread_type_lock, int)
    void PyThread_release_lock(PyThread_type_lock)
    unsigned long PyThread_start_new_thread(void (*)(void *) noexcept nogil, void *)

cdef extern from *:
    """
    #if defined(_MSC_VER) && !defined(__clang__)
      #include <intrin.h>
      static int cnn_add(int *p, int v) { return (int)_InterlockedExchangeAdd((volatile long *)p, v) + v; }
      static int cnn_swap(int *p, int v) { return (int)_InterlockedExchange((volatile long *)p, v); }
      static void cnn_fill(int *p, int v) { _InterlockedCompareExchange((volatile long *)p, v, 0); }
      #define cnn_get(p) cnn_add(p, 0)
      static void cnn_pause(void) { _mm_pause(); }
    #else
      static inline int cnn_add(int *p, int v) { return __atomic_add_fetch(p, v, __ATOMIC_SEQ_CST); }
      static inline int cnn_swap(int *p, int v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }
      static inline void cnn_fill(int *p, int v) {
        int zero = 0;
        __atomic_compare_exchange_n(p, &zero, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
      }
      static inline int cnn_get(int *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
      #if defined(__x86_64__) || defined(__i386__)
        static inline void cnn_pause(void) { __builtin_ia32_pause(); }
      #elif defined(__aarch64__)
        static inline void cnn_pause(void) { __asm__ volatile("yield"); }
      #else
        static inline void cnn_pause(void) {}
      #endif
    #endif
    """
    int add "cnn_add"(int *, int) noexcept nogil
    int swap "cnn_swap"(int *, int) noexcept nogil
    void fill "cnn_fill"(int *, int) noexcept nogil     # only if the number is 0
    int get "cnn_get"(int *) noexcept nogil
    void pause "cnn_pause"() noexcept nogil

cdef enum:
    SPINS = 4000            # about 40 microseconds, much longer than the usual wait at a barrier of a training step

cdef struct Pool:
    int busy                # 1 while a region runs
    int workers             # threads started, including the caller (rank 0)
    int size                # threads of the region that runs
    int arrived, generation  # threads at the barrier; number of barriers completed
    work_fn work
    void *argument
    int asleep[MOST_THREADS]                        # 1: the rank sleeps on its barrier_lock
    PyThread_type_lock barrier_lock[MOST_THREADS]   # each rank sleeps on it at a barrier
    PyThread_type_lock wake_lock[MOST_THREADS]      # and on this one between regions

cdef Pool pool
pool.workers = 1

MOST = <int>MOST_THREADS        # largest number of threads of a call


cdef Pool *get_pool() noexcept nogil:
    return &pool


cdef int atomic_add(int *number, int summand) noexcept nogil:
    """Add to a number that other threads change, too; returns the sum."""
    return add(number, summand)


cdef void wait(void *_, int rank) noexcept nogil:
    """Barrier of the region that runs: returns when all its threads have arrived."""
    # The size is read before arriving: afterwards the next region may start at any time with another size.
    cdef int generation = get(&pool.generation), size = pool.size, _spin, other
    if add(&pool.arrived, 1) == size:
        swap(&pool.arrived, 0)
        add(&pool.generation, 1)
        for other in range(size):
            if swap(&pool.asleep[other], 0):
                PyThread_release_lock(pool.barrier_lock[other])
        return
    for _spin in range(SPINS):
        if get(&pool.generation) != generation:
            return
        pause()
    while get(&pool.generation) == generation:
        swap(&pool.asleep[rank], 1)
        if get(&pool.generation) != generation and swap(&pool.asleep[rank], 0):
            return          # the last thread did not see this one asleep, and does not release its lock
        PyThread_acquire_lock(pool.barrier_lock[rank], 1)


cdef void raise_flag(int *flag) noexcept nogil:
    """Set a flag that other threads of a region read."""
    swap(flag, 1)


cdef bint is_raised(int *flag) noexcept nogil:
    return get(flag) != 0


cdef void run_worker(void *argument) noexcept nogil:
    """Main function of a worker: sleep, run its part of a region, and again."""
    cdef int rank = <int><Py_ssize_t>argument
    while True:
        PyThread_acquire_lock(pool.wake_lock[rank], 1)
        pool.work(pool.argument, rank, pool.size)
        wait(NULL, rank)


cdef bint new_lock(PyThread_type_lock *lock) noexcept nogil:
    """Create a lock, already acquired, unless there is one; returns False if the system has no more."""
    if lock[0] == NULL:
        lock[0] = PyThread_allocate_lock()
        if lock[0] != NULL:
            PyThread_acquire_lock(lock[0], 1)
    return lock[0] != NULL


cdef bint start_worker(int rank) noexcept nogil:
    """Start the thread of this rank; returns False if the system cannot start one."""
    return (new_lock(&pool.barrier_lock[rank]) and new_lock(&pool.wake_lock[rank])
            and PyThread_start_new_thread(run_worker, <void *><Py_ssize_t>rank)
            != <unsigned long>PYTHREAD_INVALID_THREAD_ID)


cdef int acquire_threads(int wanted) noexcept nogil:
    """Reserve the pool for a region of at most `wanted` threads; returns the number of threads. If it is 1, nothing is
    reserved."""
    if wanted <= 1 or swap(&pool.busy, 1):
        return 1
    wanted = min(wanted, MOST_THREADS)
    if not new_lock(&pool.barrier_lock[0]):
        swap(&pool.busy, 0)
        return 1
    while pool.workers < wanted and start_worker(pool.workers):
        pool.workers += 1
    wanted = min(wanted, pool.workers)
    pool.size = wanted
    if wanted == 1:
        swap(&pool.busy, 0)
    return wanted


cdef void run_parallel(work_fn work, void *argument, int size) noexcept nogil:
    """Run work(argument, rank, size) on all threads reserved by `acquire_threads`, or on this one for size 1."""
    cdef int rank
    if size == 1:
        work(argument, 0, 1)
        return
    pool.work, pool.argument = work, argument
    for rank in range(1, size):
        PyThread_release_lock(pool.wake_lock[rank])
    work(argument, 0, size)
    wait(NULL, 0)


cdef void release_threads(int size) noexcept nogil:
    """End the reservation of `acquire_threads`."""
    if size > 1:
        swap(&pool.busy, 0)


def _reset_after_fork():
    """In a child of fork: the workers stayed in the parent, and so did the thread that had reserved the pool."""
    cdef int rank
    for rank in range(MOST_THREADS):
        pool.barrier_lock[rank] = pool.wake_lock[rank] = NULL
        pool.asleep[rank] = 0
    pool.workers, pool.arrived, pool.generation, pool.busy = 1, 0, 0, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
del _reset_after_fork       # called in this process, it would take the threads' locks away

cdef int in_use = 0         # number of threads of a call without `n_threads`; 0: not determined yet


cdef int current_threads() except -1:
    """Number of threads of a call without `n_threads`; at least 1, whatever other threads set meanwhile."""
    cdef int count = get(&in_use)
    if count == 0:
        count = default_threads()
        fill(&in_use, count)
    return count


def _from_environment(name):
    """Number of threads from an environment variable, at most MOST_THREADS; None unless it is a positive integer in
    ASCII digits. Of a list (OMP_NUM_THREADS), the first entry."""
    digits = os.environ.get(name, "").split(",")[0].strip(" \t")
    if not (digits.isascii() and digits.isdigit()):
        return None
    digits = digits.lstrip("0")[:9]         # int() refuses integers of thousands of digits
    return min(int(digits), MOST_THREADS) if digits else None


def default_threads():
    """Default number of threads.

    The environment variable COMPILED_NN_NUM_THREADS; else OMP_NUM_THREADS, or its first entry if it is a list; else the
    number of processors that this process may run on (its affinity), limited to the quota of its control groups
    (`cnn_core.quota`). A variable that is not a positive integer is ignored.

    Returns
    -------
    int
        From 1 to `MOST`.
    """
    from cnn_core.quota import quota  # imported here to keep the import of the core fast
    for name in ("COMPILED_NN_NUM_THREADS", "OMP_NUM_THREADS"):
        count = _from_environment(name)
        if count:
            return count
    try:
        count = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        count = os.cpu_count() or 1
    return max(1, min(count, quota() or count, MOST_THREADS))


def set_num_threads(n):
    """Set the number of threads of calls without `n_threads`, in the whole process.

    Parameters
    ----------
    n : int or None
        At least 1; a number above `MOST` counts as `MOST`. None restores `default_threads()`.

    Raises
    ------
    TypeError
        If `n` is not an integer.
    ValueError
        If `n` is less than 1.
    """
    if n is None:
        swap(&in_use, 0)
        return
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"the number of threads must be an integer, not {type(n).__name__}")
    count = n.__index__()
    if count < 1:
        raise ValueError(f"the number of threads must be at least 1, not {n}")
    swap(&in_use, min(count, MOST_THREADS))


def get_num_threads():
    """Return the number of threads of calls without `n_threads`.

    Returns
    -------
    int
    """
    return current_threads()
