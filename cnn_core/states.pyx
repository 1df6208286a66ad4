"""States of a stack at one moment, in its own memory or in shared memory; a part of `stack`.

(a) A copy holds the gate, see `guard`: it is the state of a whole step. During a pass it is kept for the next caller.
(b) At rest, `present` shares memory instead of copying it. What shares memory has its token; the next change of the
    stack moves to new memory as long as the token exists.
"""

import weakref

cimport cython
cimport numpy as cnp
from libc.string cimport memcpy

from cnn_core.layers cimport Block, allocate
from cnn_core.stack cimport Stack


class Token:
    """Object that exists as long as memory is shared."""

    __slots__ = ("__weakref__",)


cdef void copy_block(Block target, Block source) noexcept:
    """Copy a block to another one of the same size."""
    cdef void *to = target.data
    cdef const void *data = source.data
    cdef size_t size = source.count * cnp.PyArray_ITEMSIZE(source.room)
    with nogil:
        memcpy(to, data, size)


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
    new.encoding, new.piece_memory, new.pieces, new.columns = old.encoding, old.piece_memory, old.pieces, old.columns
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
    """Before a change of the weights: move to new memory if others share that of the stack."""
    self.changes += 1
    return own_arena(self)


cdef int own_arena(Stack self) except -1:
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
    if not averaged and not self.is_fixed and share(new, self):
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
