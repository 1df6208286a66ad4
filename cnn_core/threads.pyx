"""A small pool of threads: parallel regions of nogil code in which every thread has a rank.

(a) OpenMP is not used: its runtime hangs in a child of fork, spins while idle, and would triple the wheel.
(b) Threads and locks are the interpreter's (`PyThread_*`), which every platform has and which need no GIL. A lock is
    used as a binary semaphore: each worker sleeps on its own locks.
(c) One region runs at a time. A caller that finds the pool busy runs its region with one thread: results do not depend
    on the number of threads, and nested pools do not multiply.
(d) Whoever takes a share computes it: in `run_shares` each thread begins with its own share, whose part of
    the data its cache may have, and then takes what nobody has begun. A worker that the system does not schedule,
    because other programs use its processor, delays nothing: when it wakes, its share is done. A pass of training is a
    sequence of such regions (`divide`). A region with barriers (`run_parallel`) needs all its threads at the same time.
(e) A thread may also be late within its share. If the caller has waited so long in regions that it would have been
    faster alone, regions have one thread for a while: sixteen times as long as those took, but at most MOST_ALONE,
    or twice as long as the last time, if that is longer and at most MOST_DOUBLED.
(f) At a barrier, and at the end of a region, threads spin for some microseconds, since the others are at most that far
    behind, then sleep. A worker also spins after a region, but only for QUICK seconds, and only if that region began
    less than QUICK after the one before it ended: calls that follow each other find it awake. Waking a sleeping thread
    takes 10 to 50 microseconds. A thread that spins gives way to any other thread that could use its processor.
(g) What a thread waits for has a separate cache line, together with what it reads next.
(h) A child of fork has no workers: its pool starts new ones for the next region.
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
    #include <time.h>
    #if defined(_WIN32)
      __declspec(dllimport) int __stdcall SwitchToThread(void);
      static void cnn_give_way(void) { SwitchToThread(); }
    #else
      #include <sched.h>
      static void cnn_give_way(void) { sched_yield(); }
    #endif
    static double cnn_seconds(void) {       /* since some moment in the past */
      struct timespec t;
      #if defined(CLOCK_MONOTONIC)
        clock_gettime(CLOCK_MONOTONIC, &t);
      #else
        timespec_get(&t, TIME_UTC);
      #endif
      return (double)t.tv_sec + 1e-9*(double)t.tv_nsec;
    }
    #if defined(_MSC_VER) && !defined(__clang__)
      #include <intrin.h>
      static int cnn_add(int *p, int v) { return (int)_InterlockedExchangeAdd((volatile long *)p, v) + v; }
      static int cnn_swap(int *p, int v) { return (int)_InterlockedExchange((volatile long *)p, v); }
      static int cnn_replace(int *p, int old, int v) {
        return _InterlockedCompareExchange((volatile long *)p, v, old) == old;
      }
      #define cnn_get(p) cnn_add(p, 0)
      static void cnn_pause(void) { _mm_pause(); }
    #else
      static inline int cnn_add(int *p, int v) { return __atomic_add_fetch(p, v, __ATOMIC_SEQ_CST); }
      static inline int cnn_swap(int *p, int v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }
      static inline int cnn_replace(int *p, int old, int v) {
        return __atomic_compare_exchange_n(p, &old, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
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
    bint replace "cnn_replace"(int *, int old, int) noexcept nogil     # only if the number is `old`
    int get "cnn_get"(int *) noexcept nogil
    void pause "cnn_pause"() noexcept nogil
    void give_way "cnn_give_way"() noexcept nogil       # to another thread that waits for this processor
    double seconds "cnn_seconds"() noexcept nogil

cdef enum:
    FIRST_SPINS = 100       # before the clock is read, some microseconds
    NEXT_SPINS = 20         # each time before a thread that spins reads the clock again, and gives way
    ALONE_FACTOR = 16       # regions have one thread for this many times as long as one took in which one was late
    APART = 128             # bytes: processors fetch pairs of cache lines

cdef double QUICK = 50e-6           # seconds
cdef double FREQUENT = 200e-6       # seconds between the starts of short calls for which workers are woken
cdef double MOST_SPUN = 100e-6      # seconds, within a region: much longer than the usual wait
cdef double JUDGED = 500e-6         # seconds
cdef double MOST_DOUBLED = 0.25     # seconds
cdef double MOST_ALONE = 10.0       # seconds, also after a process was stopped for hours in the middle of a region
cdef double FASTER_ALONE = 0.85     # of the time of a region

cdef enum:                  # states of a seat
    EMPTY                   # the share is taken, or there is none
    OFFERED                 # nobody has taken the share
    ASLEEP                  # as EMPTY, and the worker sleeps on its wake_lock

cdef struct Seat:           # the share, and the worker, of a number; those of number 0 are the caller's
    int state
    int size                # shares of the region
    work_fn work
    void *argument
    int quick               # 1: the worker spins after its share
    int asleep              # 1: the thread with this share sleeps on its barrier_lock
    PyThread_type_lock barrier_lock     # at a barrier, and for the caller at the end of a region
    PyThread_type_lock wake_lock        # between regions

cdef struct Pool:
    int busy                # 1 while a region runs
    int workers             # threads started, including the caller
    int size                # shares of the region that runs
    # In seconds: when the last region ended, and when threads that are awake were last asked for; how long the caller
    # has waited in the region that runs; how long regions have one thread after another one was late, and until when;
    # how long those took since then in which none was late.
    double ended, asked, waited, alone, alone_until, in_time
    double taken, computed  # regions since the last judgement: their time, and that of one thread for them
    char apart_1[APART]
    int unfinished          # shares but the caller's that are not computed
    char apart_2[APART]
    int arrived             # threads at the barrier
    char apart_3[APART]
    int generation          # number of barriers completed
    char apart_4[APART]
    char seats[(MOST_THREADS + 1) * APART]

cdef Pool pool
pool.workers = 1

MOST = <int>MOST_THREADS        # largest number of threads of a call


cdef Pool *get_pool() noexcept nogil:
    return &pool


cdef int atomic_add(int *number, int summand) noexcept nogil:
    """Add to a number that other threads change, too; returns the sum."""
    return add(number, summand)


cdef bint replace_number(int *number, int old, int new) noexcept nogil:
    """Change a number that other threads change, too, from `old` to `new`; returns False if it is not `old`."""
    return replace(number, old, new)


cdef int read_number(int *number) noexcept nogil:
    """A number that other threads change."""
    return get(number)


cdef inline Seat *seat_of(int number) noexcept nogil:
    cdef size_t start = <size_t>pool.seats
    return <Seat *>(pool.seats + (APART - start % APART) + number*APART)


cdef bint spin_while(int *number, int value, double most) noexcept nogil:
    """Spin while a number has this value; returns False if it still has it after `most` seconds."""
    cdef int _spin
    cdef double end
    for _spin in range(FIRST_SPINS):
        if get(number) != value:
            return True
        pause()
    end = seconds() + most
    while seconds() < end:
        for _spin in range(NEXT_SPINS):
            if get(number) != value:
                return True
            pause()
        give_way()
    return get(number) != value


cdef void sleep_while(int *number, int value, int rank) noexcept nogil:
    """Spin, then sleep, while a number has this value. Whoever changes it calls `wake` afterwards."""
    cdef double start
    cdef Seat *seat = seat_of(rank)
    if get(number) != value:
        return
    start = seconds() if rank == 0 else 0
    if not spin_while(number, value, MOST_SPUN):
        while get(number) == value:
            swap(&seat.asleep, 1)
            # Whoever changed it before did not see this thread asleep, and does not release its lock.
            if get(number) == value or not swap(&seat.asleep, 0):
                PyThread_acquire_lock(seat.barrier_lock, 1)
    if rank == 0:
        pool.waited += seconds() - start


cdef void wake(int rank) noexcept nogil:
    """Wake the thread with this share if it sleeps in `sleep_while`; at worst, it looks at its number once more."""
    cdef Seat *seat = seat_of(rank)
    if get(&seat.asleep) and swap(&seat.asleep, 0):
        PyThread_release_lock(seat.barrier_lock)


cdef void wait(void *_, int rank) noexcept nogil:
    """Barrier of the region that runs: returns when all its threads have arrived."""
    # The size is read before arriving: afterwards the next region may start at any time with another size.
    cdef int generation = get(&pool.generation), size = pool.size, other
    if add(&pool.arrived, 1) == size:
        swap(&pool.arrived, 0)
        add(&pool.generation, 1)
        for other in range(size):
            wake(other)
    else:
        sleep_while(&pool.generation, generation, rank)


cdef void raise_flag(int *flag) noexcept nogil:
    """Set a flag that other threads of a region read."""
    swap(flag, 1)


cdef bint is_raised(int *flag) noexcept nogil:
    return get(flag) != 0


cdef int take_share(int first, int count) noexcept nogil:
    """Take a share of the region that runs, of those below `count`, from `first` on; returns 0 if all are taken."""
    cdef int _, number = first
    cdef Seat *seat
    for _ in range(count):
        if number >= count:
            number = 1
        seat = seat_of(number)
        if get(&seat.state) == OFFERED and replace(&seat.state, OFFERED, EMPTY):
            return number
        number += 1
    return 0


cdef int compute_share(int number) noexcept nogil:
    """Compute a share that was taken; returns how many are unfinished. The region does not end before, so that the seat
    does not change meanwhile."""
    cdef Seat *seat = seat_of(number)
    seat.work(seat.argument, number, seat.size)
    return add(&pool.unfinished, -1)


cdef void run_worker(void *argument) noexcept nogil:
    """Main function of a worker: sleep, take shares of a region, and again."""
    cdef int number = <int><Py_ssize_t>argument, share
    cdef Seat *seat = seat_of(number)
    PyThread_acquire_lock(seat.wake_lock, 1)
    while True:
        share = take_share(number, get(&pool.workers))
        if share > 0:
            if compute_share(share) == 0:
                wake(0)
        elif not (get(&seat.quick) and spin_while(&seat.state, EMPTY, QUICK)) and replace(&seat.state, EMPTY, ASLEEP):
            PyThread_acquire_lock(seat.wake_lock, 1)


cdef bint new_lock(PyThread_type_lock *lock) noexcept nogil:
    """Create a lock, already acquired, unless there is one; returns False if the system has no more."""
    if lock[0] == NULL:
        lock[0] = PyThread_allocate_lock()
        if lock[0] != NULL:
            PyThread_acquire_lock(lock[0], 1)
    return lock[0] != NULL


cdef bint start_worker(int number) noexcept nogil:
    """Start the worker of this number; returns False if the system cannot start one."""
    cdef Seat *seat = seat_of(number)
    if not (new_lock(&seat.barrier_lock) and new_lock(&seat.wake_lock)):
        return False
    swap(&seat.state, ASLEEP)
    return PyThread_start_new_thread(run_worker, <void *><Py_ssize_t>number) != (
        <unsigned long>PYTHREAD_INVALID_THREAD_ID)


cdef bint must_be_alone() noexcept nogil:
    """Whether regions have one thread, since another one was late."""
    if pool.alone_until > 0 and seconds() >= pool.alone_until:
        pool.alone_until = 0
    return pool.alone_until > 0


cdef bint is_quick() noexcept nogil:
    """Whether a call that would like threads that are awake follows such a call, or a region, within FREQUENT."""
    cdef double now = seconds(), last = max(pool.ended, pool.asked)
    pool.asked = now
    return now - last < FREQUENT


cdef int acquire_threads(int wanted, bint is_short) noexcept nogil:
    """Reserve the pool for a region of at most `wanted` threads; returns the number of threads. If it is 1, nothing is
    reserved. `is_short`: its work is about that of waking a thread, so it has one thread unless calls follow one
    another quickly."""
    if wanted <= 1 or swap(&pool.busy, 1):
        return 1
    if is_short and not is_quick():
        swap(&pool.busy, 0)
        return 1
    wanted = min(wanted, MOST_THREADS)
    if not new_lock(&seat_of(0).barrier_lock):
        swap(&pool.busy, 0)
        return 1
    while pool.workers < wanted and start_worker(pool.workers):
        add(&pool.workers, 1)
    wanted = min(wanted, pool.workers)
    if must_be_alone():
        wanted = 1
    pool.size = wanted
    if wanted == 1:
        swap(&pool.busy, 0)
    return wanted


cdef void judge(double elapsed, int size) noexcept nogil:
    """Decide after a region whether the next ones have one thread. Regions are judged together until they have taken
    JUDGED seconds: in a single short one, the others' caches may still have been cold."""
    cdef double computed
    pool.taken += elapsed
    pool.computed += size * (elapsed - pool.waited)     # alone, the caller would take about this long
    if pool.taken < JUDGED:
        return
    elapsed, computed = pool.taken, pool.computed
    pool.taken = pool.computed = 0
    if computed < FASTER_ALONE * elapsed:
        pool.alone = max(min(ALONE_FACTOR*elapsed, MOST_ALONE), min(2*pool.alone, MOST_DOUBLED))
        pool.alone_until, pool.in_time = seconds() + pool.alone, 0
    elif pool.alone > 0:
        pool.in_time += elapsed
        if pool.in_time > pool.alone:
            pool.alone = 0


cdef double begin_region(work_fn work, void *argument, int size) noexcept nogil:
    """Offer all shares but the first, and wake the workers; returns the time."""
    cdef double start = seconds()
    cdef int quick = start - pool.ended < QUICK
    cdef int number
    cdef Seat *seat
    pool.waited = 0
    swap(&pool.unfinished, size - 1)
    for number in range(1, size):
        seat = seat_of(number)
        seat.work, seat.argument, seat.size = work, argument, size
        if get(&seat.quick) != quick:
            swap(&seat.quick, quick)
        if swap(&seat.state, OFFERED) == ASLEEP:
            PyThread_release_lock(seat.wake_lock)
    return start


cdef void end_region(double start, int size, bint equal) noexcept nogil:
    """Wait for the shares that workers have taken, for a region that began at `start`."""
    cdef int unfinished = get(&pool.unfinished)
    while unfinished > 0:
        sleep_while(&pool.unfinished, unfinished, 0)
        unfinished = get(&pool.unfinished)
    pool.ended = seconds()
    if equal:
        judge(pool.ended - start, size)


cdef void run_parallel(work_fn work, void *argument, int size) noexcept nogil:
    """Run work(argument, rank, size) on all threads reserved by `acquire_threads`, or on this one for size 1. The
    threads may meet at barriers: `wait`."""
    cdef double start
    if size == 1:
        work(argument, 0, 1)
        return
    start = begin_region(work, argument, size)
    work(argument, 0, size)
    end_region(start, size, True)


cdef void run_shares(work_fn work, void *argument, int size, bint equal) noexcept nogil:
    """`run_parallel` for shares that do not wait for each other: a thread computes those that no other one has begun.
    `equal`: they take about the same time, so that a caller who waits long shows that a thread is late."""
    cdef int share
    cdef double start
    if size == 1:
        work(argument, 0, 1)
        return
    start = begin_region(work, argument, size)
    work(argument, 0, size)
    while True:
        share = take_share(1, size)
        if share == 0:
            break
        compute_share(share)
    end_region(start, size, equal)


cdef void divide(void *_, work_fn work, void *argument, int size) noexcept nogil:
    """`run_shares` with equal shares, one of many for the threads that are reserved: a late thread delays one of
    them, not all. With one thread while others are late."""
    run_shares(work, argument, 1 if must_be_alone() else size, True)


cdef void release_threads(int size) noexcept nogil:
    """End the reservation of `acquire_threads`."""
    if size > 1:
        swap(&pool.busy, 0)


include "thread_counts.pyx"


def _reset_after_fork():
    """In a child of fork: the workers stayed in the parent, and so did the thread that had reserved the pool."""
    global in_use, calls
    cdef int rank
    for rank in range(MOST_THREADS):
        seat_of(rank).barrier_lock = seat_of(rank).wake_lock = NULL
        seat_of(rank).asleep = seat_of(rank).state = 0
    pool.workers, pool.arrived, pool.generation, pool.busy = 1, 0, 0, 0
    pool.unfinished = 0
    pool.taken = pool.computed = 0
    pool.ended = pool.asked = pool.alone = pool.alone_until = 0
    if in_use < 0:
        in_use = calls = 0      # the child may be one of several workers


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
del _reset_after_fork       # called in this process, it would take the threads' locks away
