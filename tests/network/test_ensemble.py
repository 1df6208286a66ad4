"""Ensembles: members have the bits of their lone runs, predictions are means, refused calls change nothing."""

import copy
import io
import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from ensembles import LABELS, X_NEW, X, classifiers


def same_bits(one, other):
    return all(
        np.array_equal(a, b)
        for first, second in zip(one.get_weights(), other.get_weights(), strict=True)
        for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("validation", ["random", "folds", None])
def test_members_have_the_bits_of_their_lone_runs(dtype, n_threads, validation):
    nets = classifiers(dtype, 4)
    together = cnn.Ensemble(nets, seed=7, n_threads=n_threads).fit(X, LABELS, epochs=4, validation=validation)
    masks = together.validation_masks_
    for i, (net, member) in enumerate(zip(nets, together.members_, strict=True)):
        alone = cnn.Ensemble([net], seed=7)
        alone.fit(X, LABELS, epochs=4, validation=None if masks is None else masks[i])
        assert same_bits(alone.members_[0], member)
        assert alone.temperatures_[0] == together.temperatures_[i]
        assert np.array_equal(alone.members_[0].predict_proba(X_NEW), member.predict_proba(X_NEW))


def test_a_member_without_validation_is_a_network():
    net = classifiers(n=1)[0]
    member = cnn.Ensemble([net], seed=7).fit(X, LABELS, epochs=1, validation=None, shuffle=False).members_[0]
    assert same_bits(member, net.fit(X, LABELS, epochs=1, shuffle=False))


# ---- files and copies


@pytest.fixture(params=["random", "folds", None])
def validation(request):
    return request.param


def test_files_pickles_and_copies_predict_the_same_bits(dtype, validation):
    model = cnn.Ensemble(classifiers(dtype, 4)).fit(X, LABELS, epochs=3, validation=validation)
    model.metadata = {"table": "drawn"}
    file = io.BytesIO()
    model.save(file)
    again = cnn.load(file.getvalue())
    for other in (again, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert type(other) is cnn.Ensemble
        assert np.array_equal(other.predict_proba(X_NEW), model.predict_proba(X_NEW))
        assert np.array_equal(other.members_[1].predict_proba(X_NEW), model.members_[1].predict_proba(X_NEW))
        assert other.metadata == model.metadata
    second = io.BytesIO()
    again.save(second)
    assert second.getvalue() == file.getvalue()


def test_a_fit_after_load_is_that_of_the_saved_ensemble(validation):
    model = cnn.Ensemble(classifiers(n=2), seed=5).fit(X, LABELS, epochs=2, validation=validation)
    file = io.BytesIO()
    model.save(file)
    again = cnn.load(file.getvalue()).fit(X, LABELS, epochs=2, validation=validation)
    assert np.array_equal(again.predict_proba(X_NEW), model.predict_proba(X_NEW))


@pytest.mark.parametrize(
    "copied", [lambda model: model, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]
)
def test_a_continued_fit_has_the_bits_of_one_call(dtype, validation, copied):
    whole = cnn.Ensemble(classifiers(dtype, 4)).fit(X, LABELS, epochs=6, validation=validation)
    parts = cnn.Ensemble(classifiers(dtype, 4)).fit(X, LABELS, epochs=4, validation=validation)
    parts = copied(parts).fit(X, LABELS, epochs=2, validation=validation, warm_start=True)
    assert np.array_equal(parts.predict_proba(X_NEW), whole.predict_proba(X_NEW))
    assert parts.best_epochs_.tolist() == whole.best_epochs_.tolist()
    assert parts.history["loss"] == whole.history["loss"]
