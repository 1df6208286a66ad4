"""Passes that are alone with their stack, and the gate at which others wait for a whole state; a part of `stack`.

(a) A pass uses the memory of its stack without the GIL. While it runs, `check_free` refuses every method that changes
    this memory, whether a callback of the pass calls it or another thread.
(b) A slice of training holds the gate of its stack, and releases it whenever the core returns to Python: after the
    slice, and for signals, losses and activations written in Python. Whoever needs the state during a pass copies it
    while holding the gate, so that a copy is the state of a whole step. Slices wait for those who wait for the gate.
(c) `fork` waits until no slice runs, so that the child has whole states. There, passes of other threads have ended.
"""

import os
from _thread import RLock

cimport cython
from libc.string cimport memcpy

from cpython.exc cimport PyErr_CheckSignals

from cnn_core.stack cimport Stack
from cnn_core.threads cimport atomic_add

cdef extern from "Python.h" nogil:
    ctypedef void *PyThread_type_lock
    ctypedef enum PyLockStatus:
        PY_LOCK_ACQUIRED
    PyThread_type_lock PyThread_allocate_lock()
    void PyThread_free_lock(PyThread_type_lock)
    int PyThread_acquire_lock(PyThread_type_lock, int)
    PyLockStatus PyThread_acquire_lock_timed(PyThread_type_lock, long long, int)
    void PyThread_release_lock(PyThread_type_lock)
    unsigned long PyThread_get_thread_ident()

cdef enum:
    SIGNALS_AFTER = 50000       # microseconds after which a thread that waits for the gate handles signals
    HANDOVER = 20               # microseconds between two looks at whether others have taken the gate

cdef int forks = 0              # number of forks between the first process and this one
cdef dict active = {}           # stacks with a pass, by their ids
cdef dict held = {}             # gates that a forking thread holds, by its id
_entrance = RLock()              # held while a pass begins, and during a fork


cdef int make_locks(Stack self) except -1:
    """Create the locks of a stack, free, and its clock, which is never free."""
    self.gate, self.clock = PyThread_allocate_lock(), PyThread_allocate_lock()
    if self.gate == NULL or self.clock == NULL:
        raise MemoryError
    PyThread_acquire_lock(self.clock, 1)
    return 0


cdef void free_locks(Stack self) noexcept:
    if self.gate != NULL:
        PyThread_free_lock(self.gate)
    if self.clock != NULL:
        PyThread_release_lock(self.clock)
        PyThread_free_lock(self.clock)


cdef int forget_other_threads(Stack self) except -1:
    """After a fork, end the passes of threads that this process does not have."""
    if self.forks == forks:
        return 0
    with cython.critical_section(self):     # several threads of the child may come here
        if self.forks != forks:
            make_locks(self)        # another thread may have held the old ones
            self.waiting = self.readers = 0
            if self.holder != PyThread_get_thread_ident():
                if self.in_batch:       # of a pass that ends here
                    memcpy(self.running_memory.data, self.settled.data, self.running_memory.count * self.itemsize)
                self.holder = self.changer = self.in_batch = 0
            self.runner = 0
            self.forks = forks
    return 0


cdef object in_use(str what):
    return RuntimeError(
        f"the stack is in use by a pass, whose memory {what} would change: call it after the pass has ended, not from "
        "another thread or from a function that the pass calls")


cdef int check_free(Stack self, str what) except -1:
    """Raise RuntimeError if a pass uses the memory of the stack; called in the critical section of the change, after
    `forget_other_threads`."""
    if self.readers > 0 or (self.holder != 0 and self.changer != PyThread_get_thread_ident()):
        raise in_use(what)
    return 0


cdef int begin_pass(Stack self, str what) except -1:
    """Let this thread use all memory of the stack until `end_pass`, or raise RuntimeError."""
    cdef bint is_free = False
    with _entrance:
        forget_other_threads(self)
        with cython.critical_section(self):
            if self.holder == 0 and self.readers == 0:
                self.holder, is_free = PyThread_get_thread_ident(), True
        if not is_free:
            raise in_use(what)
        try:
            active[<size_t><void *>self] = self
        except BaseException:
            self.holder = 0
            raise
    return 0


cdef int end_pass(Stack self) except -1:
    atomic_add(&self.state, 1)
    active.pop(<size_t><void *>self, None)
    with cython.critical_section(self):
        _captured, _settled = self.captured, self.settled       # released after the section, without an allocation
        self.captured = self.settled = None
        self.holder = 0
    return 0


cdef int begin_reading(Stack self, str what) except -1:
    """Keep the memory of the stack unchanged until `end_reading`, or raise RuntimeError."""
    cdef bint is_free = False
    forget_other_threads(self)
    with cython.critical_section(self):
        if self.holder == 0:
            self.readers += 1
            is_free = True
    if not is_free:
        raise in_use(what)
    return 0


cdef int end_reading(Stack self) except -1:
    with cython.critical_section(self):
        self.readers = max(0, self.readers - 1)
    return 0


# ---- the gate

cdef void enter_slice(Stack self) noexcept nogil:
    """Take the gate after all threads that wait for it have copied the state."""
    while atomic_add(&self.waiting, 0) > 0:
        PyThread_acquire_lock_timed(self.clock, HANDOVER, 0)
    PyThread_acquire_lock(self.gate, 1)
    self.runner = PyThread_get_thread_ident()


cdef void leave_slice(Stack self) noexcept nogil:
    atomic_add(&self.state, 1)
    self.runner = 0
    PyThread_release_lock(self.gate)


cdef int take_gate(Stack self, bint signals=True) except -1:
    """Take the gate when the core returns to Python the next time; meanwhile, signals are handled."""
    cdef bint taken = False
    if self.changer == PyThread_get_thread_ident():
        raise RuntimeError("the weights of this stack are being set by this thread: they can be read afterwards")
    while not taken:
        atomic_add(&self.waiting, 1)
        with nogil:
            taken = PyThread_acquire_lock_timed(self.gate, SIGNALS_AFTER, 0) == PY_LOCK_ACQUIRED
            atomic_add(&self.waiting, -1)
        if not taken and signals:
            PyErr_CheckSignals()
    return 0


# ---- changes from Python

cdef int begin_writing(Stack self) except -1:
    """Let this thread, which has a pass, write parameters in Python until `end_writing`."""
    own_memory(self)
    take_gate(self, signals=False)
    self.changer = PyThread_get_thread_ident()
    return 0


cdef int end_writing(Stack self) except -1:
    self.changer = 0
    PyThread_release_lock(self.gate)
    return 0


cdef class Change:
    """Context in which only this thread reads or changes the stack; see `Stack.changing`. Contexts may be nested."""

    cdef Stack stack
    cdef bint is_writing

    def __init__(self, Stack stack not None):
        self.stack = stack

    def __enter__(self):
        if self.stack.changer == PyThread_get_thread_ident():
            return      # nested
        begin_pass(self.stack, "a change of the parameters")
        try:
            begin_writing(self.stack)
            self.is_writing = True
        except BaseException:
            end_pass(self.stack)
            raise

    def __exit__(self, *_):
        if self.is_writing:
            self.is_writing = False
            end_writing(self.stack)
            end_pass(self.stack)

    def __dealloc__(self):
        if self.is_writing:
            end_writing(self.stack)
            end_pass(self.stack)


# ---- fork

def _before_fork():
    """Wait until no slice runs."""
    cdef Stack stack
    _entrance.acquire()
    taken = held[PyThread_get_thread_ident()] = []
    for _, each in sorted(active.copy().items()):
        stack = each
        if stack.forks == forks and stack.changer != PyThread_get_thread_ident():
            take_gate(stack, signals=False)
            taken.append(stack)


def _after_fork_in_parent():
    for stack in held.pop(PyThread_get_thread_ident(), ()):
        PyThread_release_lock((<Stack>stack).gate)
    _entrance.release()


def _after_fork_in_child():
    global forks
    cdef Stack stack
    forks += 1
    held.clear()
    for each in list(active.values()):
        stack = each
        forget_other_threads(stack)
        if stack.holder == 0:
            active.pop(<size_t><void *>stack, None)
    _entrance.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent,
                        after_in_child=_after_fork_in_child)
