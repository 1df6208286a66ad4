"""Bad input at every entrance: one clear error each, after which the model and the caller's arrays are as before.

Each case has a call, the class of the error and the exact beginning of its message. The last table has odd input that
is legal, and its value.
"""

import copy
import decimal
import io

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import callbacks, datasets, functional, metrics, optimizers, schedules
from compiled_nn.rates import find_learning_rate
from small import bits

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.arange(30) % 3
V = X[:, 0].copy()
D = cnn.Dense


def classes(**parameters):
    return cnn.Network([D(6, "relu"), D(3)], seed=0, **parameters)


def values(**parameters):
    return cnn.Network([D(6, "relu"), D(1)], loss="mse", seed=0, **parameters)


CLASSES = classes().fit(X, Y, epochs=1)
VALUES = values().fit(X, V, epochs=1)
DISTRIBUTION = cnn.Network([D(2)], loss="gaussian_nll", seed=0).fit(X, V, epochs=1)
CLASSIFIER = cnn.MLPClassifier(hidden_layer_sizes=(4,), max_iter=1, random_state=0).fit(X, Y)
MODELS = (CLASSES, VALUES, DISTRIBUTION, CLASSIFIER.network_)
GROUPS = [None, *range(29)]
BUFFER = np.zeros(30)


def same_buffer():
    DISTRIBUTION.predict_distribution(X, out=(BUFFER, BUFFER))


def consumed():
    file = io.BytesIO()
    CLASSES.save(file)
    return cnn.load(file)


def metric(result):
    return classes().fit(X, Y, epochs=1, validation_data=(X, Y), metrics=[lambda y, predicted: result])


def custom(loss, dz):
    loss_ = cnn.losses.CustomLoss(lambda y, z: (loss(y - z), dz(z - y)))
    return cnn.Network([D(1)], loss=loss_, seed=0).fit(X, V, epochs=1)


def rate(schedule, epochs=1):
    return classes(optimizer=cnn.SGD(schedule)).fit(X, Y, epochs=epochs)


def assigned(model, name, value):
    setattr(model, name, value)


def frame(column):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({"day": getattr(pandas, column)("2020-01-01", periods=30, **KEYWORDS[column])})


KEYWORDS = {"date_range": {"tz": "UTC"}, "period_range": {"freq": "D"}}
LABELS = metrics.accuracy, [0, 1, 1], [0, 1, 0]
FORWARD = functional.initialize_parameters_deep([4, 3], seed=0)
DIGITS = datasets.load_digits()

CASES = {
    # X
    "a generator": (lambda: CLASSES.predict(row for row in X),
      TypeError, "X is a generator; expected an array. Pass list(X)."),
    "a set": (lambda: VALUES.predict({1, 2}),
      TypeError, "X is a set; expected an array. A set has no order;"),
    "text": (lambda: classes().fit("train.csv", Y), TypeError, "X is 'train.csv'; expected an array."),
    "a number": (lambda: CLASSIFIER.predict(3), TypeError, "X is 3; expected an array."),
    "a function": (lambda: CLASSES.predict(np.zeros),
      TypeError, "X is a builtin_function_or_method; expected an array."),
    "a class": (lambda: classes().fit(np.ndarray, Y),
      TypeError, "X is the class ndarray; expected an array."),
    "an empty list": (lambda: CLASSES.predict([]), ValueError, "X is empty: it has 0 rows and 0 columns."),
    "an empty list of categories": (lambda: cnn.preprocessing.Tabular().fit([]), ValueError, "X is empty: it has"),
    "records and a list": (lambda: classes().fit([{"a": 1}, [1]] * 15, Y),
      TypeError, "X[1] is of the type list, and X[0] is a dict. Pass one dict for each row."),
    "records without keys": (lambda: classes().fit([{}] * 30, Y), ValueError, "X is empty: it has"),
    "a column and a value": (lambda: classes().fit({"a": [1, 2], "b": 3}, [0, 1]),
      TypeError, "X is a dict with a column, 'a', and a single value, 'b'."),
    "columns of two lengths": (lambda: classes().fit({"a": [1, 2], "b": [3]}, [0, 1]),
      ValueError, "X['b'] has 1 row; X['a'] has 2."),
    "a dict of dicts": (lambda: classes().fit({"a": {"0": 1}}, [0]),
      TypeError, "X['a'] is a dict. Pass one dict for each row"),
    "a list in a record": (lambda: classes().fit([{"a": [1, 2]}] * 30, Y),
      TypeError, "X['a'] has several values per row: 2 in row 0."),
    "a row of a data frame": (lambda: CLASSES.predict(frame("date_range").assign(day=1).iloc[0]),
      ValueError, "X has 1 dimension; expected 2, or 3 or 4 for images. Pass a single row of a data frame as"),
    "keys without names": (lambda: CLASSES.predict({"a": 1, "b": 2}),
      ValueError, "X has the keys 'a', 'b', but the network was fitted without names of columns"),
    "a generator of dicts": (lambda: CLASSES.predict({"a": 1} for _ in Y),
      TypeError, "X is a generator; expected an array. Pass list(X)."),
    "an integer beyond float64": (lambda: values().fit([[1], [10**400]], [0, 1]),
      ValueError, "X[1, 0] is an integer too large for float64."),
    "dates with a time zone": (lambda: classes().fit(frame("date_range"), Y),
      TypeError, "X['day'] holds dates; the network takes real numbers. Dates are encoded with"),
    "periods": (lambda: classes().fit(frame("period_range"), Y),
      TypeError, "X['day'] holds dates; the network takes real numbers. Dates are encoded with"),
    "None for categories": (lambda: cnn.preprocessing.Tabular().fit(None),
      TypeError, "X is None; expected an array."),
    "a generator for categories": (lambda: cnn.preprocessing.Tabular().fit({"a": 1} for _ in Y),
      TypeError, "X is a generator; expected an array. Pass list(X)."),
    # y and weights
    "y is text": (lambda: classes().fit(X, "label"), TypeError, "y is 'label'; expected an array."),
    "y is a generator": (lambda: CLASSES.score(X, (y for y in Y)),
      TypeError, "y is a generator; expected an array. Pass list(y)."),
    "y is a set": (lambda: CLASSES.loss(X, {0, 1, 2}), TypeError, "y is a set; expected an array."),
    "labels beyond int64": (lambda: classes().fit(X, [1, 2, 2**70] * 10),
      ValueError, f"y holds {2**70} in row 2, an integer beyond the range of int64."),
    "classes is text": (lambda: classes().fit(X, Y, classes="abc"),
      TypeError, "classes is 'abc'; expected an array."),
    "sample_weight='balanced'": (lambda: classes().fit(X, Y, sample_weight="balanced"),
      TypeError, "sample_weight is 'balanced'; expected one number for each row. Weights of classes are "
      "given by class_weight."),
    "a NaN weight": (lambda: VALUES.score(X, V, [1.0] * 29 + [np.nan]),
      ValueError, "Input sample_weight contains NaN: row 29."),
    "a class weight": (lambda: classes().fit(X, Y, class_weight={1: -1}),
      ValueError, "The 'class_weight[1]' parameter of fit must be a finite number >= 0. Got -1 instead."),
    "both weights": (lambda: classes().fit(X, Y, sample_weight=Y == 2, class_weight={2: 0}), ValueError,
     "class_weight is 0 for the class of every row whose sample_weight is above 0;"),
    "weights of one part": (lambda: VALUES.fit(X, V, validation_fraction=0.3, sample_weight=np.eye(30)[0]), ValueError,
     "The weights of all 9 validation rows are 0. Pass validation_data,"),
    "weights of the other part": (lambda: VALUES.fit(X, V, validation_fraction=0.3, sample_weight=np.eye(30)[1]),
     ValueError, "The weights of all 21 training rows are 0. Pass validation_data,"),
    "a null character": (lambda: classes().fit(X, np.array(["a", "a\0", "b"] * 10, object)), ValueError,
     "y holds 'a\\x00' in row 1; arrays of text cannot hold a label that ends with a null character."),
    # options of fit
    "a group is missing": (lambda: classes().fit(X, Y, validation_groups=GROUPS),
      ValueError, "Input validation_groups contains None: row 0. Give each row the name or the number of "
      "its group."),
    "groups of two kinds": (lambda: classes().fit(X, Y, validation_groups=np.array(["a", *range(29)], object)),
      TypeError, "validation_groups mixes values that cannot be sorted"),
    "an unknown metric": (lambda: classes().fit(X, Y, metrics=[3]),
      TypeError, "The 'metrics' parameter of fit must be a str among"),
    "a metric returns text": (lambda: metric("0.5"),
      TypeError, "The metric '<lambda>' returned '0.5'; a metric must return a number."),
    "a metric returns an array": (lambda: metric(np.zeros(2)),
      TypeError, "The metric '<lambda>' returned array([0., 0.]); a metric must return a number."),
    "a metric returns None": (lambda: metric(None),
      TypeError, "The metric '<lambda>' returned None; a metric must return a number."),
    "a column of fit": (lambda: callbacks.TrainingScore(X, Y, name="loss"),
      ValueError, "The 'name' parameter of TrainingScore must be a str other than"),
    "callbacks of an estimator": (lambda: cnn.MLPRegressor(callbacks=3).fit(X, V),
      TypeError, "The 'callbacks' parameter must be a list. Got 3 instead."),
    # losses, schedules, optimizers
    "a complex custom loss": (lambda: custom(lambda e: e[:, 0] ** 2, lambda e: e * 1j),
      TypeError, "a custom loss returns a pair of arrays (loss, dz); got tuple: it must hold real "
      "numbers, not complex64"),
    "a custom loss of text": (lambda: custom(lambda e: np.full(len(e), "x"), lambda e: e),
      TypeError, "a custom loss returns a pair of arrays (loss, dz); got tuple: it must hold real "
      "numbers, not <U1"),
    "a rate beyond float64": (lambda: rate(schedules.Exponential(0.1, 1e5), 100),
      ValueError, "The learning rate of step "),
    "a class of schedules": (lambda: cnn.SGD(schedules.Step),
      TypeError, "The 'learning_rate' parameter of SGD is the class Step; pass a number, or an object of "
      "this class."),
    "rates of a name": (lambda: optimizers.learning_rates("sgd", 0, 3),
      TypeError, "The 'optimizer' parameter of learning_rates must be an optimizer"),
    "-1 steps": (lambda: optimizers.learning_rates(cnn.SGD(), 0, -1),
      ValueError, "The 'n_steps' parameter of learning_rates must be an int >= 0. Got -1 instead."),
    "kind_of": (lambda: optimizers.kind_of("adamx"),
      ValueError, "The 'name' parameter of kind_of must be a str among {'sgd'"),
    "from_config": (lambda: optimizers.from_config("adam"),
      TypeError, "The configuration of an optimizer must be a dict. Got 'adam' instead."),
    "the test of a class": (lambda: find_learning_rate(cnn.Network, X, Y),
      TypeError, "The 'net' parameter of find_learning_rate must be a Network or an estimator. Got the "
      "class Network instead."),
    # networks, states, files
    "blocks": (lambda: D(4, blocks=(2, 2)),
      TypeError, "The 'blocks' parameter of Dense must be a list of pairs (columns, width). Got (2, 2) "
      "instead."),
    "n_threads": (lambda: classes(n_threads=0),
      ValueError, "The 'n_threads' parameter of Network must be an int >= 1. Got 0 instead."),
    "set_num_threads": (lambda: cnn.set_num_threads(-1),
      ValueError, "The 'n' parameter of set_num_threads must be an int >= 1. Got -1 instead."),
    "an assigned parameter": (lambda: assigned(CLASSES, "l2", 0.1),
      AttributeError, "'l2' is a parameter of the constructor and cannot be assigned."),
    "an assigned loss": (lambda: assigned(VALUES, "loss", "mae"),
      AttributeError, "'loss' is a parameter of the constructor and cannot be assigned."),
    "an empty state": (lambda: CLASSES.restore({}),
      ValueError, "state is empty; expected some of 'layers', 'average' and 'optimizer'."),
    "one array of two": (lambda: DISTRIBUTION.predict_distribution(X, out=(BUFFER,)),
      TypeError, "out must be a pair of arrays, for the means and the standard deviations. Got tuple of "
      "1 instead."),
    "the same array twice": (same_buffer,
      ValueError, "The two arrays of out share memory, so one result would overwrite the other."),
    "a file at its end": (consumed, ValueError, "The given BytesIO has nothing after its position "),
    "coefs_ before fit": (lambda: cnn.MLPRegressor().coefs_,
      ValueError, "This MLPRegressor instance is not fitted yet."),
    "coefs_[9]": (lambda: CLASSIFIER.coefs_.__setitem__(9, X),
      IndexError, "The index 9 is out of range: there are 2 arrays, one per layer."),
    # metrics
    "NaN scores": (lambda: metrics.top_k_accuracy([0, 1], [[np.nan, 1], [0, 1]]),
      ValueError, "Input scores contains NaN: row 0, column 0."),
    "an absent positive": (lambda: metrics.f1([0, 1], [1, 1], positive=7),
      ValueError, "positive is 7, which is not a label of y or predicted; the labels are [0, 1]."),
    "an index of a class": (lambda: metrics.confusion([0, 5], [0, 1], 2),
      ValueError, "true is 5 in row 1; expected an index from 0 to 1, because n_classes is 2."),
    "lengths of indices": (lambda: metrics.confusion([0, 1], [0], 2),
      ValueError, "true has 2 rows; predicted has 1."),
    # data sets
    "a mask": (lambda: datasets.train_test_split(np.ma.masked_array(X, X > 2), Y),
      ValueError, "X has masked entries: row 19, column 3, 1 in all."),
    "a split of None": (lambda: datasets.train_test_split(None, Y),
      TypeError, "X is None; expected an array."),
    "classes in one text": (lambda: datasets.only_classes(DIGITS, "01"),
      TypeError, "The 'classes' parameter of only_classes must be a list. Got '01' instead."),
    "no Dataset": (lambda: datasets.only_classes(X, [0]),
      TypeError, "The 'data' parameter must be a Dataset. Got ndarray instead."),
    "a list of labels": (lambda: datasets.relabel(DIGITS, [1, 2]),
      TypeError, "The 'new_labels' parameter of relabel must be a dict of new labels by class. Got [1, "
      "2] instead."),
    "a Dataset of two lengths": (lambda: datasets.Dataset(X, Y[:-1], X, Y),
      ValueError, "X_train has 30 rows; y_train has 29."),
    "a Dataset without arrays": (lambda: datasets.Dataset(X, Y, None, None),
      TypeError, "X_test is None; expected an array, which may be empty."),
    "an array for Hugging Face": (lambda: datasets.from_hugging_face(X, "a", "b"),
      TypeError, "train is of the type ndarray; expected a Dataset or a DatasetDict"),
    "header": (lambda: datasets.read_csv("t.csv", header="yes"),
      TypeError, "The 'header' parameter of read_csv must be a bool. Got 'yes' instead."),
    "delimiter": (lambda: datasets.read_csv("t.csv", delimiter=";;"),
      ValueError, "The 'delimiter' parameter of read_csv must be a single character. Got ';;' instead."),
    # functions
    "no layers": (lambda: functional.initialize_parameters_deep([]),
      ValueError, "layer_dims is []; expected the number of inputs and of units of each layer."),
    "a cache": (lambda: functional.linear_backward(X, 3),
      TypeError, "The cache must be a tuple (A, W, b), the one of linear_forward. Got int instead."),
    "no caches": (lambda: functional.L_model_backward(X, X, []),
      TypeError, "caches must be the list that L_model_forward returns. Got [] instead."),
    "grads": (lambda: functional.gradients(X.T, X.T, FORWARD, None, [{"nodes": 3, "activation": "relu"}]),
      ValueError, "grads must be the dict that forward_prop returns, with A1, Z1."),
}  # fmt: skip


def snapshot():
    return [bits(net) for net in MODELS], [a.tobytes() for a in (X, Y, V, BUFFER)]


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused(case):
    call, kind, words = CASES[case]
    before = snapshot()
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value).startswith(words)
    assert snapshot() == before


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda plotting: plotting.WeightImagesDisplay(np.zeros(3)), ValueError, "weights has shape (3,);"),
        (lambda plotting: plotting.LossCurveDisplay(epochs=[1], loss=[1]).plot(3), TypeError, "ax is 3; expected Axes"),
    ],
)  # fmt: skip
def test_bad_input_of_pictures_is_refused(call, kind, words):
    pytest.importorskip("matplotlib")
    with pytest.raises(kind) as caught:
        call(cnn.plotting)
    assert str(caught.value).startswith(words)


def test_a_file_that_is_written_cannot_be_loaded(tmp_path):
    with open(tmp_path / "net", "wb") as file, pytest.raises(TypeError, match="is not open for reading"):
        cnn.load(file)


def test_a_note_names_the_item_of_a_stream():
    items = [(X, Y), (X[:, :3], Y)]
    with pytest.raises(ValueError, match="X has 3 columns; the network takes 4") as caught:
        classes().fit(items, epochs=1)
    assert caught.value.__notes__ == ["This is item 1 of the batches, counted from 0."]


def test_an_error_names_the_validation_data():
    with pytest.raises(ValueError, match="X has 30 rows; y has 29") as caught:
        classes().fit(X, Y, validation_data=(X, Y[:-1]))
    assert str(caught.value).startswith("validation_data: ")


def test_an_item_of_weight_0_is_skipped():
    """It was refused, as if its weights were too small."""
    alone = classes().fit([(X, Y)], epochs=2)
    with_it = classes().fit([(X, Y), (X + 1, Y, np.zeros(30))], epochs=2)
    assert bits(with_it) == bits(alone)


def test_lbfgs_trains_embeddings():
    """It failed: the float64 copy of the network lacked the embeddings."""
    rows = np.column_stack([np.arange(30) % 5, X[:, 0]])
    net = cnn.Network(
        [D(6, "tanh"), D(3)], categorical_features=[0], embeddings=2, optimizer=cnn.LBFGS(100), seed=0
    ).fit(rows, np.arange(30) % 5 % 3)
    assert net.score(rows, np.arange(30) % 5 % 3) == 1


ODD = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda A: A[::-1, ::-1].copy()[::-1, ::-1],
    "big-endian": lambda A: A.astype(">f8"),
    "long double": lambda A: A.astype(np.longdouble),
    "objects": lambda A: A.astype(object),
    "decimals": lambda A: [[decimal.Decimal(float(number)) for number in row] for row in A],
    "unaligned": lambda A: np.ndarray(A.shape, A.dtype, bytearray(b"x" + A.tobytes()), offset=1),
    "matrix of a memoryview": lambda A: memoryview(np.ascontiguousarray(A)),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_but_legal_rows_have_the_value_of_numpy(kind):
    rows, probabilities = ODD[kind](X), CLASSES.predict_proba(X)
    assert np.array_equal(CLASSES.predict_proba(rows), probabilities)
    assert CLASSES.score(rows, Y) == np.mean(probabilities.argmax(1) == Y)
    # The losses of a row are float32: 24 bits, of numbers around 1.
    assert CLASSES.loss(rows, Y) == pytest.approx(-np.log(probabilities[np.arange(30), Y]).mean(), rel=1e-6)


def test_sparse_rows_with_duplicates_are_added():
    sparse = pytest.importorskip("scipy.sparse")
    columns, ends = np.tile([3, 2, 1, 0, 0, 1, 2, 3], 30), np.arange(0, 241, 8)
    halves = np.hstack([X[:, ::-1] / 2, X / 2])
    rows = sparse.csr_matrix((halves.ravel(), columns, ends), shape=(30, 4))
    assert np.array_equal(CLASSES.predict_proba(rows), CLASSES.predict_proba(X))


def test_tables_and_weights_are_read_by_position():
    """An index of pandas has no meaning: rows, labels and weights belong together by their position."""
    pandas = pytest.importorskip("pandas")
    weights, back = np.arange(1.0, 31), range(30)[::-1]
    table = pandas.DataFrame(X, index=[0] * 30)
    expected = np.average(CLASSES.predict(X) == Y, weights=weights)
    labels = (
        pandas.Series(Y, index=back),
        pandas.DataFrame({"y": Y}, index=back),
        pandas.Series(pandas.Categorical(Y, categories=[2, 1, 0])),
        pandas.Series(Y, dtype="Int64"),
    )
    for y in labels:
        assert CLASSES.score(table, y, pandas.Series(weights, index=back)) == expected


def test_boolean_masks_are_weights():
    chosen, numbers = Y > 0, (Y > 0).astype(float)
    first, second = (classes().fit(X, Y, sample_weight=w, epochs=2) for w in (chosen, numbers))
    assert bits(first) == bits(second)
    assert copy.deepcopy(first).score(X, Y, chosen) == first.score(X[chosen], Y[chosen])
