"""Passes that are alone with their stack, and whole states for everybody else; a part of `stack`.

(a) A pass uses the memory of its stack without the GIL. While it runs, `check_free` refuses every method that changes
    this memory, whether a callback of the pass calls it or another thread.
(b) A slice of training holds the gate of its stack, and releases it whenever the core returns to Python: after the
    slice, and for signals, losses and activations written in Python. Whoever needs the state during a pass copies it
    while holding the gate, so that a copy is the state of a whole step. Slices wait for those who wait for the gate.
(c) At rest, `present` shares memory instead of copying it. What shares memory has its token; the next change of the
    stack moves to new memory as long as the token exists.
(d) `fork` waits until no slice runs, so that the child has whole states. There, passes of other threads have ended.
"""

import os
import weakref
from _thread import RLock

cimport cython
cimport numpy as cnp
from libc.string cimport memcpy

from cpython.exc cimport PyErr_CheckSignals

from cnn_core.layers cimport Block, allocate, array_of
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


class Token:
    """Object that exists as long as memory is shared."""

    __slots__ = ("__weakref__",)


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


cdef void copy_block(Block target, Block source) noexcept:
    """Copy a block to another one of the same size."""
    cdef void *to = target.data
    cdef const void *data = source.data
    cdef size_t size = source.count * cnp.PyArray_ITEMSIZE(source.room)
    with nogil:
        memcpy(to, data, size)


# ---- states

cdef int set_memory(Stack self, Block memory, Block running_memory) except -1:
    with cython.critical_section(self):
        _old = self.memory, self.running_memory
        self.memory, self.running_memory = memory, running_memory
        self.parameters_data, self.net.running = memory.data, running_memory.data
    return 0


cdef int take_fixed(Stack new, Stack old) except -1:
    """Set what no pass changes: the scaling of the inputs, and the frozen weights."""
    new.scaled_by, new.factors, new.clipped = old.scaled_by, old.factors, old.clipped
    new.scaling, new.mean, new.factor = old.scaling, old.mean, old.factor
    new.mask, new.frozen = old.mask, old.frozen
    new.update.mask, new.update.frozen = old.update.mask, old.update.frozen
    return 0


cdef object living_token(Stack self):
    """Return the token of those who share the memory of the stack; None if nobody does."""
    if self.token is not None:
        return self.token
    return None if self.shared is None else self.shared()


cdef Block copy_of(Block block, dtype):
    cdef Block copy = allocate(block.count, dtype)
    copy_block(copy, block)
    return copy


cdef int own_memory(Stack self) except -1:
    """Move to new memory if others share that of the stack."""
    if living_token(self) is not None:
        set_memory(self, copy_of(self.memory, self.dtype), copy_of(self.running_memory, self.dtype))
    self.token = self.shared = None
    return 0


cdef Block sharing(Block block, token):
    """Block of the same memory; the arrays of it keep it, and so the token."""
    cdef Block alias = Block.__new__(Block)
    alias.room, alias.data, alias.count, alias.type_number = block.room, block.data, block.count, block.type_number
    alias.token = token
    return alias


cdef bint share(Stack new, Stack old) except -1:
    """Let `new` share the memory of `old`; False if a pass has begun."""
    cdef Block memory, running
    token = Token()
    reference = weakref.ref(token)
    with cython.critical_section(old):      # and, with the GIL, without an allocation, after which others may run
        if old.holder != 0:
            return False
        present = living_token(old)
        if present is None:
            present, old.shared = token, reference
        memory, running = old.memory, old.running_memory
        take_fixed(new, old)
    new.token = present
    set_memory(new, sharing(memory, present), sharing(running, present))
    return True


cdef Stack captured_now(Stack self):
    """Return the copy of the present state, if there is one."""
    with cython.critical_section(self):
        return self.captured if self.captured_state == self.state else None


cdef Block copy_or_none(Block block, dtype):
    return None if block is None else copy_of(block, dtype)


cdef Stack copy_state(Stack self, bint moments):
    """See `Stack.copy`; during a pass, a copy without moments is kept for the next caller, until the next step."""
    cdef Stack new = Stack(self), kept
    cdef Block memory, running, average
    set_memory(new, allocate(new.memory.count, self.dtype), allocate(new.running_memory.count, self.dtype))
    take_gate(self)
    try:
        kept = None if moments else captured_now(self)
        if kept is not None:
            return kept
        with cython.critical_section(self):
            memory, average = self.memory, self.average_memory
            running = self.settled if self.in_batch else self.running_memory
            sources, optimizer = self.moment_memory, self.optimizer_name
            new.step = self.step
            take_fixed(new, self)
        copy_block(new.memory, memory)
        copy_block(new.running_memory, running)
        new.average_memory = copy_or_none(average, self.dtype)
        if moments:
            copies = []         # no comprehension: a failed allocation releases an item twice
            for source in sources:
                copies.append(copy_of(source, self.dtype))
            new.moment_memory, new.optimizer_name = tuple(copies), optimizer
        else:
            with cython.critical_section(self):
                _old = self.captured
                if self.holder != 0:
                    self.captured, self.captured_state = new, self.state
    finally:
        PyThread_release_lock(self.gate)
    return new


cdef Stack present_state(Stack self, bint averaged):
    """See `Stack.present`."""
    cdef Stack new, source
    forget_other_threads(self)
    averaged = averaged and self.average_memory is not None and self.step.count > 0
    new = Stack(self)       # in the memory of this one until `share`, or the copy, sets that of the state
    if not averaged and share(new, self):
        return new
    source = captured_now(self)
    if source is None:
        source = copy_state(self, False)
    if averaged and source.average_memory is not None:
        new.token = Token()
        take_fixed(new, source)
        set_memory(new, sharing(source.average_memory, new.token), sharing(source.running_memory, new.token))
    else:
        share(new, source)
    return new


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
