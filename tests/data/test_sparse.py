"""Sparse samples: the bits of the same samples with their zeros, without the memory for these."""

import tracemalloc

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.data import samples
from compiled_nn.preprocessing import standardization
from small import OPTIMIZERS, bits, gradient_pairs

from cnn_core.sparse import SparseRows
from cnn_core.stack import Stack

scipy_sparse = pytest.importorskip("scipy.sparse")

FORMATS = {
    "csr_array": scipy_sparse.csr_array,
    "csr_matrix": scipy_sparse.csr_matrix,
    "csc_array": scipy_sparse.csc_array,
    "csc_matrix": scipy_sparse.csc_matrix,
    "coo_array": scipy_sparse.coo_array,
    "dok_array": scipy_sparse.dok_array,
}


def dense(rng, m=70, k=40, dtype="float32", density=0.15):
    """Mostly zeros, with a row and a column that have nothing else."""
    X = np.where(rng.random((m, k)) < density, rng.normal(size=(m, k)) * 3, 0).astype(dtype)
    X[5], X[:, k // 3] = 0, 0
    return X


def network(**parameters):
    parameters = {"seed": 3, "optimizer": cnn.Adam(0.01), **parameters}
    return cnn.Network([cnn.Dense(17, "relu"), cnn.Dense(3)], **parameters)


def wide_indices(X):
    X = scipy_sparse.csr_array(X)
    return scipy_sparse.csr_array((X.data, X.indices.astype("int64"), X.indptr.astype("int64")), X.shape)


def shuffled(rng, X):
    """The same matrix, the columns of each row in any order."""
    X = scipy_sparse.csr_array(X)
    for start, stop in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        order = start + rng.permutation(stop - start)
        X.indices[start:stop], X.data[start:stop] = X.indices[order], X.data[order]
    return scipy_sparse.csr_array((X.data, X.indices, X.indptr), X.shape)


# ---- the same bits


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_bits_of_the_full_matrix(rng, form):
    X, y = dense(rng), rng.integers(0, 3, 70)
    S = FORMATS[form](X)
    one, other = network().fit(X, y, epochs=3), network().fit(S, y, epochs=3)
    assert bits(one) == bits(other)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(S))
    np.testing.assert_array_equal(one.decision_function(X), other.decision_function(S))
    np.testing.assert_array_equal(one.predict(X), other.predict(S))
    assert one.score(X, y) == other.score(S, y)
    assert one.loss(X, y) == other.loss(S, y)
    for (dW, db), (dV, dc) in zip(gradient_pairs(one, X, y), gradient_pairs(other, S, y), strict=True):
        np.testing.assert_array_equal(dW, dV)
        np.testing.assert_array_equal(db, dc)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("number", ["float32", "float64"])
def test_bits_of_training(rng, dtype, number, standardize, shuffle, n_threads):
    X, y = dense(rng, 200, 300, number), rng.integers(0, 3, 200)
    V, v = dense(rng, 30, 300, number), rng.integers(0, 3, 30)
    scale = 1.0 if standardize else 0.5
    how = {"dtype": dtype, "standardize": standardize, "n_threads": n_threads, "input_scale": scale}
    fit = {"epochs": 2, "batch_size": 24, "shuffle": shuffle}
    one = network(**how).fit(X, y, validation_data=(V, v), **fit)
    other = network(**how).fit(
        scipy_sparse.csr_array(X), y, validation_data=(scipy_sparse.csc_array(V), v), **fit
    )
    assert bits(one) == bits(other)
    assert one.history["loss"] == other.history["loss"]
    assert one.history["val_loss"] == other.history["val_loss"]
    np.testing.assert_array_equal(one.predict_proba(V), other.predict_proba(wide_indices(V)))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_partial_fit_and_full_batches(rng, name):
    X, y = dense(rng), rng.integers(0, 3, 70)
    S = scipy_sparse.csr_matrix(X)
    nets = [network(optimizer=OPTIMIZERS[name]) for _ in range(2)]
    for net, Z in zip(nets, (X, S), strict=True):
        net.partial_fit(Z, y, classes=[0, 1, 2], batch_size="full").partial_fit(Z, y, shuffle=True)
    assert bits(nets[0]) == bits(nets[1])


def test_means_far_from_zero_standardise_as_training_does(rng):
    """Then the first layer does not take the standardisation: rows are standardised as they are read."""
    X = dense(rng, 60, 6, "float64", density=1.0)
    X[:, 3] += 1e7
    y = rng.integers(0, 3, 60)
    one = network(standardize=True).fit(X, y, epochs=1)
    other = network(standardize=True).fit(scipy_sparse.csr_array(X), y, epochs=1)
    assert bits(one) == bits(other)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(scipy_sparse.csr_array(X)))


@pytest.mark.parametrize("number", ["float32", "float64"])
def test_statistics(rng, number, monkeypatch):
    monkeypatch.setattr(standardization, "_BLOCK", 60)
    monkeypatch.setattr(standardization, "_WIDTH", 9)
    X = dense(rng, dtype=number)
    mean, scale = standardization.fit_statistics(samples.read(scipy_sparse.csr_array(X), dtype="float64"))
    np.testing.assert_array_equal(mean, standardization.fit_statistics(X).mean)
    np.testing.assert_array_equal(scale, standardization.fit_statistics(X).scale)
    np.testing.assert_allclose(mean, X.mean(axis=0, dtype="float64"), atol=1e-12)
    np.testing.assert_allclose(scale[0], X[:, 0].std(dtype="float64"), rtol=1e-12)
    assert scale[13] == 1


@pytest.mark.parametrize("number", ["bool", "int8", "uint16", "int32", "int64", "float16"])
def test_numbers_of_other_types(rng, number):
    X = (dense(rng) != 0).astype(number)
    S = scipy_sparse.csr_array(X) if number != "float16" else scipy_sparse.csr_array(X.astype("float32"))
    y = rng.integers(0, 3, 70)
    assert bits(network().fit(X, y, epochs=1)) == bits(network().fit(S, y, epochs=1))


def test_against_the_oracle(rng):
    X = dense(rng, dtype="float64")
    W, b = rng.normal(size=(40, 3)), rng.normal(size=3)
    net = cnn.Network([cnn.Dense(3)], dtype="float64")
    net.set_weights([(W, b)])
    Z = X @ W + b
    expected = np.exp(Z - Z.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(net.predict_proba(scipy_sparse.csc_array(X)), expected, atol=1e-14)


def test_diagnose(rng):
    X, y = dense(rng, 90, 40) * 100, rng.integers(0, 3, 90)
    found = network().diagnose(scipy_sparse.csr_array(X), y)
    assert found == network().diagnose(X, y)
    assert "unscaled_input" in {finding.name for finding in found}


def test_diagnose_draws_rows_that_fill_little_memory(rng):
    S = scipy_sparse.random_array((3000, 40_000), density=1e-4, rng=rng, dtype="float32", format="csr")
    tracemalloc.start()
    network().diagnose(S)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6  # with its zeros X has 480 MB


# ---- odd but sound


def test_unsorted_columns(rng):
    X, y = dense(rng), rng.integers(0, 3, 70)
    S = shuffled(rng, X)
    assert (np.diff(S.indices[S.indptr[0] : S.indptr[1]]) < 0).any()
    assert bits(network().fit(X, y, epochs=2)) == bits(network().fit(S, y, epochs=2))


@pytest.mark.parametrize("canonical", [None, True])
def test_parts_of_a_number_are_summed_and_the_matrix_stays(rng, canonical):
    indptr, indices = np.array([0, 3, 3, 6]), np.array([2, 0, 2, 1, 1, 1])
    numbers = np.array([0.1, 0.2, 0.3, 1e8, 1.0, -1e8])
    S = scipy_sparse.csr_array((numbers, indices, indptr), (3, 4))
    if canonical:
        S.has_canonical_format = True  # as the flag stands after a user has written to the arrays
    rows = samples.read(S, dtype="float64")
    np.testing.assert_array_equal(rows.take(np.arange(3)), S.toarray())
    np.testing.assert_array_equal(rows.indptr, [0, 2, 2, 3])
    assert len(S.data) == 6


def test_many_parts_in_many_blocks(rng, monkeypatch):
    monkeypatch.setattr(SparseRows.blocks, "__defaults__", (7,))
    coo = scipy_sparse.coo_array(
        (rng.integers(-9, 9, 400).astype("float64"), (rng.integers(0, 30, 400), rng.integers(0, 12, 400))),
        (30, 12),
    )
    order = np.argsort(coo.row, kind="stable")
    indptr = np.searchsorted(coo.row[order], np.arange(31))
    S = scipy_sparse.csr_array((coo.data[order], coo.col[order], indptr), (30, 12))
    rows = samples.read(S, dtype="float32")
    assert not rows.has_duplicates()
    np.testing.assert_array_equal(rows.take(np.arange(30)), coo.toarray())


def test_zeros_that_are_stored(rng):
    S = scipy_sparse.csr_array((np.array([0.0, 1.0, 0.0]), np.array([0, 1, 2]), np.array([0, 2, 3])), (2, 3))
    net = network()
    net.set_weights([(rng.normal(size=(3, 17)), np.zeros(17)), (rng.normal(size=(17, 3)), np.zeros(3))])
    np.testing.assert_array_equal(net.predict_proba(S), net.predict_proba(S.toarray()))


def test_one_row_and_no_entry_at_all(rng):
    net = network().fit(dense(rng), rng.integers(0, 3, 70), epochs=1)
    for S in (scipy_sparse.csr_array((1, 40)), scipy_sparse.csr_array(dense(rng)[:1])):
        np.testing.assert_array_equal(net.predict_proba(S), net.predict_proba(S.toarray().astype("float32")))


def test_arrays_are_shared_and_not_written_to(rng):
    S = scipy_sparse.csr_array(dense(rng))
    rows = samples.read(S, dtype="float32")
    assert np.shares_memory(rows.data, S.data)
    assert np.shares_memory(rows.indices, S.indices)
    for array in (S.data, S.indices, S.indptr):
        array.flags.writeable = False
    before = S.data.tobytes(), S.indices.tobytes(), S.indptr.tobytes()
    network(standardize=True).fit(S, rng.integers(0, 3, 70), epochs=1).predict(S)
    assert before == (S.data.tobytes(), S.indices.tobytes(), S.indptr.tobytes())


def test_more_storage_than_used():
    S = scipy_sparse.csr_array((np.array([1.0, np.nan]), np.array([0, 99]), np.array([0, 1, 1])), (2, 3))
    rows = samples.read(S, dtype="float32")
    np.testing.assert_array_equal(rows.take(np.arange(2)), [[1, 0, 0], [0, 0, 0]])


# ---- memory


def test_memory_of_training_and_prediction_is_bounded(rng):
    m, k = 4000, 20_000
    S = scipy_sparse.random_array((m, k), density=0.002, rng=rng, dtype="float32", format="csr")
    y = rng.integers(0, 2, m)
    net = cnn.Network([cnn.Dense(2)], seed=0, standardize=True)
    stored = S.data.nbytes + S.indices.nbytes + S.indptr.nbytes
    workspace = 20e6  # a chunk of rows, weights, moments, statistics
    for call in (lambda: net.fit(S, y, epochs=1, batch_size=256), lambda: net.predict(S)):
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2 * stored + workspace  # with its zeros X has 320 MB


# ---- refusals


def broken(**changes):
    """A CSR matrix that scipy did not check."""
    S = scipy_sparse.csr_array(np.eye(3, dtype="float32"))
    for name, value in changes.items():
        setattr(S, name, np.array(value, getattr(S, name).dtype))
    return S


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indices": [0, 1, 3]}, "indices reach from 0 to 3; the matrix has 3 columns"),
        ({"indices": [0, -1, 2]}, "indices reach from -1 to 2"),
        ({"indptr": [0, 1, 2, 9]}, "indptr ends with 9; there are 3 indices and 3 numbers"),
        ({"indptr": [0, 2, 1, 3]}, "start with 0 and never fall"),
        ({"indptr": [1, 1, 2, 3]}, "start with 0 and never fall"),
        ({"indptr": [0, 1, 3]}, r"of shape \(3, 3\): its indptr is for 2 rows"),
        ({"data": [1.0]}, "there are 3 indices and 1 numbers"),
    ],
)
def test_broken_matrices_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        network().fit(broken(**changes), [0, 1, 2])


@pytest.mark.parametrize(("bad", "name"), [(np.nan, "NaN"), (np.inf, "infinity"), (1e300, "1e\\+300")])
def test_bad_numbers_are_named_with_their_place(rng, bad, name):
    X = dense(rng, dtype="float64")
    X[44, 31] = bad
    for S in (scipy_sparse.csr_array(X), scipy_sparse.csc_array(X)):
        with pytest.raises(ValueError, match=f"Input X contains {name}.*: row 44, column 31"):
            network().fit(S, rng.integers(0, 3, 70))


def test_wrong_shapes_and_types(rng):
    S = scipy_sparse.csr_array(dense(rng))
    y = rng.integers(0, 3, 70)
    net = network().fit(S, y, epochs=1)
    with pytest.raises(ValueError, match="X has 39 columns; the network takes 40"):
        net.predict(S[:, :39])
    with pytest.raises(ValueError, match="X has 70 rows; y has 69"):
        network().fit(S, y[:69])
    with pytest.raises(ValueError, match="X is empty: it has 0 rows"):
        net.predict(S[:0])
    with pytest.raises(TypeError, match="X holds complex numbers"):
        net.predict(S.astype(complex))
    with pytest.raises(ValueError, match="X has 1 dimension; expected 2"):
        net.predict(scipy_sparse.coo_array(np.eye(3)[0]))
    with pytest.raises(TypeError, match="y is sparse"):
        network().fit(S, scipy_sparse.csr_array(y[:, np.newaxis]))
    with pytest.raises(ValueError, match="X is sparse"):
        network(optimizer="sgd").fit(S, y, batch_size="full", gram=True)


def test_a_diverging_column_is_refused_at_prediction(rng):
    net = network(input_scale=1e20).fit(dense(rng) * 1e-20, rng.integers(0, 3, 70), epochs=1)
    with pytest.raises(ValueError, match="beyond the range of float32 once scaled"):
        net.predict(scipy_sparse.csr_array(dense(rng) * 1e30))


# ---- the core's own checks


def test_the_core_survives_indices_that_change_behind_its_back(rng):
    rows = SparseRows([0, 2, 3], np.array([0, 1, 2]), np.ones(3), 3)
    rows.indices[:] = [10**15, -(10**15), 2]
    stack = Stack((3, 2), ("identity",))
    for W, _ in stack.views():
        W[:] = 1
    np.testing.assert_array_equal(stack.forward(rows), [[0, 0], [1, 1]])


def test_the_core_refuses():
    with pytest.raises(TypeError, match="indices float64"):
        SparseRows([0, 1], np.zeros(1), np.zeros(1), 3)
    with pytest.raises(TypeError, match="data has dtype int64"):
        SparseRows([0, 1], np.zeros(1, int), np.zeros(1, int), 3)
    with pytest.raises(ValueError, match="contiguous"):
        SparseRows([0, 1], np.zeros(4, int)[::2], np.zeros(4)[::2], 3)
    with pytest.raises(ValueError, match="vectors"):
        SparseRows(0, np.zeros(4, int), np.zeros(4), 3)
    stack = Stack((3, 2), ("identity",))
    rows = SparseRows([0, 1], np.zeros(1, int), np.zeros(1, "float32"), 3)
    with pytest.raises(TypeError, match="the core reads ndarray and SparseRows"):
        stack.forward([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match=r"X has shape \(1, 3\); the stack takes \(m, 4\)"):
        Stack((4, 2), ("identity",)).forward(rows)
    numbers = np.zeros(4, "float32")
    rows = SparseRows([0, 1], np.zeros(1, int), numbers, 3)
    with pytest.raises(ValueError, match="out overlaps X"):
        stack.forward(rows, numbers[:2].reshape(1, 2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unaligned_arrays_are_read(dtype):
    """Such as those of a message of another process."""
    X = scipy_sparse.random(6, 5, density=0.5, format="csr", dtype=dtype, random_state=0)
    net = cnn.Network([cnn.Dense(1)], loss="mse", dtype=dtype, seed=0).fit(X, np.arange(6.0), epochs=1)
    expected = net.predict(X)
    for name in ("data", "indices", "indptr"):
        array = getattr(X, name)
        space = np.empty(array.nbytes + 1, np.uint8)
        unaligned = space[1:].view(array.dtype)
        unaligned[:] = array
        setattr(X, name, unaligned)
        assert not getattr(X, name).flags.aligned
    np.testing.assert_array_equal(net.predict(X), expected)
