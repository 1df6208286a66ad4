"""Bounds of this machine for the instruction set in use: multiply-adds per second and bytes read per second."""

import time

import numpy as np

from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport INFINITY

cimport numpy as cnp

from cnn_core.layers cimport aligned_zeros, kernels_of, thread_count
from cnn_core.kernel_tables cimport ArrayKernels
from cnn_core.threads cimport MOST_THREADS, acquire_threads, release_threads, run_parallel

cnp.import_array()

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX

cdef enum:
    SAMPLES = 5

cdef ArrayKernels *array_kernels[2]
array_kernels[0] = <ArrayKernels *>kernels_of("array_kernels", "f32", "cnn_core.ArrayKernels")
array_kernels[1] = <ArrayKernels *>kernels_of("array_kernels", "f64", "cnn_core.ArrayKernels")

cdef struct Probe:
    const ArrayKernels *kernels
    Py_ssize_t rounds, count        # count: reals that each thread reads; 0: multiply-adds instead
    const float *data
    double operations
    double result[MOST_THREADS]


cdef void probe_share(void *argument, int rank, int size) noexcept nogil:
    cdef Probe *probe = <Probe *>argument
    cdef double operations
    if probe.count:
        probe.result[rank] = probe.kernels.read_memory(probe.count, probe.data + rank*probe.count, probe.rounds)
    else:
        probe.result[rank] = probe.kernels.multiply_add(probe.rounds, &operations)
        if rank == 0:
            probe.operations = operations


cdef double rounds_a_second(Probe *probe, int threads, double seconds) except -1:
    """Rounds per second of all threads together: the best of a few samples of about this length."""
    cdef double start, taken = 0, best = 0
    cdef int size, sample = 0
    if not 0 < seconds < INFINITY:
        raise ValueError(f"seconds is {seconds}; it must be positive and finite")
    probe.rounds = 1
    while sample < SAMPLES:
        PyErr_CheckSignals()
        start = time.perf_counter()
        with nogil:
            size = acquire_threads(threads, False)
            run_parallel(probe_share, probe, size)
            release_threads(size)
        taken = time.perf_counter() - start
        if taken < seconds / 4:
            probe.rounds *= 4
        else:
            best = max(best, probe.rounds * size / taken)
            sample += 1
    return best


def peak(dtype="float32", *, double seconds=0.02, n_threads=None):
    """Peak rate of multiply-adds in registers, which no program with this instruction set exceeds.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Type of the numbers.
    seconds : float
        Approximate length of a sample; the result is the best of five.
    n_threads : int, optional
        Number of threads; `get_num_threads()` by default.

    Returns
    -------
    float
        Floating-point operations per second, two per multiply-add, summed over threads.

    Raises
    ------
    ValueError
        If dtype is another one, or seconds is not positive and finite.

    Examples
    --------
    >>> from cnn_core import bench
    >>> single, double = bench.peak("float32", seconds=0.001), bench.peak("float64", seconds=0.001)
    >>> single > double > 1e8
    True
    """
    cdef Probe probe
    cdef double rounds
    numbers = np.dtype(dtype)
    if numbers != np.float32 and numbers != np.float64:
        raise ValueError(f"dtype is {numbers}; it must be float32 or float64")
    probe.kernels = array_kernels[0 if numbers == np.float32 else 1]
    probe.count = 0
    rounds = rounds_a_second(&probe, thread_count(n_threads), seconds)
    return rounds * probe.operations / probe.rounds


def bandwidth(Py_ssize_t size, *, double seconds=0.02, n_threads=None):
    """Rate of reading memory, where each thread reads its own memory again and again.

    Parameters
    ----------
    size : int
        Bytes of each thread, rounded up to whole kilobytes; they decide which cache is measured.
    seconds : float
        Approximate length of a sample; the result is the best of five.
    n_threads : int, optional
        Number of threads; `get_num_threads()` by default.

    Returns
    -------
    float
        Bytes per second, summed over threads.

    Raises
    ------
    ValueError
        If size is less than 1, or seconds is not positive and finite.
    MemoryError
        If there is not so much memory.

    Examples
    --------
    >>> from cnn_core import bench
    >>> bench.bandwidth(16 * 1024, seconds=0.001, n_threads=1) > 1e8  # 16 KiB: the first-level cache
    True
    """
    cdef Probe probe
    cdef int threads = thread_count(n_threads)
    cdef cnp.ndarray memory
    if size < 1:
        raise ValueError(f"size is {size}; it must be at least 1")
    if size > PY_SSIZE_T_MAX // 2 // threads:
        raise MemoryError(f"{threads} threads with {size} bytes each do not fit the address space")
    probe.kernels = array_kernels[0]
    probe.count = (size + 1023) // 1024 * 256
    memory = aligned_zeros(probe.count * threads, np.dtype("float32"))
    (<object>memory).fill(1)        # pages that were never written may all be the same page of zeros
    probe.data = <const float *>cnp.PyArray_DATA(memory)
    return rounds_a_second(&probe, threads, seconds) * probe.count * 4
