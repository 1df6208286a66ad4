"""Ensembles: members have the bits of their lone runs, predictions are means, refused calls change nothing."""

import copy
import io
import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from ensembles import LABELS, VALUES, X_NEW, X, classifiers, regressors


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


def saved(model):
    file = io.BytesIO()
    model.save(file)
    return file.getvalue()


@pytest.fixture(params=["random", "folds", None])
def validation(request):
    return request.param


def test_files_pickles_and_copies_predict_the_same_bits(dtype, validation):
    model = cnn.Ensemble(classifiers(dtype, 4)).fit(X, LABELS, epochs=3, validation=validation)
    model.metadata = {"table": "drawn"}
    again = cnn.load(saved(model))
    for other in (again, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert type(other) is cnn.Ensemble
        assert np.array_equal(other.predict_proba(X_NEW), model.predict_proba(X_NEW))
        assert np.array_equal(other.members_[1].predict_proba(X_NEW), model.members_[1].predict_proba(X_NEW))
        assert other.metadata == model.metadata
    assert saved(again) == saved(model)


def test_a_fit_after_load_is_that_of_the_saved_ensemble(validation):
    model = cnn.Ensemble(classifiers(n=2), seed=5).fit(X, LABELS, epochs=2, validation=validation)
    again = cnn.load(saved(model)).fit(X, LABELS, epochs=2, validation=validation)
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


def checkpoint(model):
    file = io.BytesIO()
    model.save_checkpoint(file)
    return file.getvalue()


def test_training_continues_from_a_checkpoint(dtype, validation):
    nets = classifiers(dtype, 4)
    whole = cnn.Ensemble(nets).fit(X, LABELS, epochs=6, validation=validation)
    first = cnn.Ensemble(nets).fit(X, LABELS, epochs=4, validation=validation)
    content = checkpoint(first)
    assert np.array_equal(cnn.load(content).predict_proba(X_NEW), first.predict_proba(X_NEW))
    again = cnn.load_checkpoint(content)
    assert checkpoint(again) == content
    assert np.array_equal(again.predict_proba(X_NEW), first.predict_proba(X_NEW))
    assert again.history == first.history
    assert again.members_[3].history == first.members_[3].history
    assert np.array_equal(again.validation_masks_, first.validation_masks_) or validation is None
    again.fit(X, LABELS, epochs=2, validation=validation, warm_start=True)
    assert np.array_equal(again.predict_proba(X_NEW), whole.predict_proba(X_NEW))
    assert again.history["loss"] == whole.history["loss"]
    assert again.best_epochs_.tolist() == whole.best_epochs_.tolist()


def test_training_continues_from_a_checkpoint_of_a_callback(tmp_path):
    path = tmp_path / "model.ckpt.safetensors"
    nets = regressors(scale_targets=True)
    whole = cnn.Ensemble(nets).fit(X, VALUES, epochs=7, patience=3)

    def fail(net, epoch, history):
        if epoch == 4:
            raise RuntimeError("the machine stops")

    broken = cnn.Ensemble(nets)
    with pytest.raises(RuntimeError, match="the machine stops"):
        broken.fit(X, VALUES, epochs=7, patience=3, callbacks=[cnn.callbacks.Checkpoint(path), fail])
    best = cnn.load(path)
    assert best.best_epochs_.tolist() == [
        np.argmin(net.history["val_loss"][:4]) + 1 for net in whole.members_
    ]
    again = cnn.load_checkpoint(path).fit(X, VALUES, epochs=3, patience=3, warm_start=True)
    assert np.array_equal(again.predict(X_NEW), whole.predict(X_NEW))


def test_checkpoints_without_a_state_of_training():
    model = cnn.Ensemble(classifiers(n=2)).fit(X, LABELS, epochs=2, refit=True)
    for other in (model, cnn.load(saved(model))):
        with pytest.raises(ValueError, match="The ensemble has no state of training"):
            checkpoint(other)
    with pytest.raises(ValueError, match="it is not a checkpoint"):
        cnn.load_checkpoint(saved(model))


def test_members_dropped_by_halving_are_not_in_files():
    model = cnn.Ensemble(classifiers(n=4)).fit(X, LABELS, epochs=4, halving=[0.5])
    again = cnn.load_checkpoint(checkpoint(model))
    assert again.indices_.tolist() == model.indices_.tolist()
    assert len(again.indices_) == 2
    for each in (model, again):
        each.fit(X, LABELS, epochs=2, warm_start=True)
    assert np.array_equal(again.predict_proba(X_NEW), model.predict_proba(X_NEW))
