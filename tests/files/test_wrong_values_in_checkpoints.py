"""Wrong values in the state of training: each is a ValueError, in checkpoints and in `restore`; moments too."""

import copy
import io

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.files import schemas
from containers import NETWORK, TRAINING, tensor_names, with_document, with_number, with_value
from small import OPTIMIZERS, blobs, classifier

from cnn_core.hyperparameters import NOT_NEGATIVE

X, Y = blobs()
KINDS = {name: optimizer for name, optimizer in OPTIMIZERS.items() if name != "schedule"}


def content_of(net):
    buffer = io.BytesIO()
    net.save_checkpoint(buffer)
    return buffer.getvalue()


def trained(name="adam", **options):
    return classifier(optimizer=KINDS.get(name, "adam"), **options).fit(X, Y, epochs=2)


ADAM = content_of(trained())
AVERAGED = content_of(classifier(optimizer="adam").fit(X, Y, epochs=3, averaging=cnn.SWA(1)))
BIG = 2**53 + 1
COUNTS = (-1, 1.0, "x", None, True, [1], BIG)
FIELDS = {
    "format_version": (0, 2, "1", None, True, 1.0),
    "optimizer": (1, "x", [], None),
    "hyperparameters": (
        [],
        None,
        {"beta_1": "x"},
        {"beta_1": 1.0},
        {"beta_2": -0.5},
        {"epsilon": 0},
        {"x": 1.0},
        {"beta_1": 10**400},
    ),
    "steps": COUNTS,
    "epochs": COUNTS,
    "rate_scale": (-1, "x", None, True, 10**400, {"float": "inf"}),
    "generator": (
        *([], "x", {}, {"bit_generator": "PCG64"}),
        *(
            {
                "bit_generator": name,
                "state": {"state": state, "inc": inc},
                "has_uint32": has,
                "uinteger": uinteger,
            }
            for name, state, inc, has, uinteger in (
                *(
                    ("PCG64", -1, 1, 0, 0),
                    ("PCG64", 2**128, 1, 0, 0),
                    ("PCG64", 1, 1.0, 0, 0),
                    ("PCG64", 1, 1, 2, 0),
                ),
                *(
                    ("PCG64", 1, 1, 0, 2**32),
                    ("MT19937", 1, 1, 0, 0),
                    ([], 1, 1, 0, 0),
                    ("PCG64", [], 1, 0, 0),
                ),
            )
        ),
    ),
    "n_moments": (-1, 4, 1, 10**6, "x", None, 2.0, True),
    "n_averaged": (*COUNTS, 1),
    "lent": (0, 1, "x", None, True),
    "dropout_key": (-1, 2**64, "x", None, 1.0),
    "columns": (
        [],
        ["epoch"],
        "x",
        None,
        [["epoch"]],
        ["epoch", "epoch", "loss", "penalty", "learning_rate", "seconds"],
    ),
}


@pytest.mark.parametrize("name", FIELDS)
def test_wrong_values(name, tmp_path):
    path = tmp_path / "net.ckpt.safetensors"
    for value in FIELDS[name]:
        path.write_bytes(with_value(ADAM, TRAINING, (name,), value))
        with pytest.raises(ValueError, match=r"net\.ckpt\.safetensors is not a readable network"):
            cnn.load_checkpoint(path)
        assert cnn.load(path).predict(X).shape == (len(X),)  # which needs no state of training


def test_the_field_and_its_value_are_named():
    with pytest.raises(
        ValueError, match=r"training.steps is -1; expected an integer from 0 to 9007199254740992"
    ):
        cnn.load_checkpoint(with_value(ADAM, TRAINING, ("steps",), -1))
    with pytest.raises(
        ValueError, match=r"training.generator.state.inc is 'x'; expected an integer from 0 to 3402"
    ):
        cnn.load_checkpoint(with_value(ADAM, TRAINING, ("generator", "state", "inc"), "x"))


@pytest.mark.parametrize("content", [ADAM, AVERAGED], ids=["adam", "averaged"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_tensors_that_are_not_finite(content, number):
    for name in tensor_names(content):
        if name.endswith(".penalty"):  # the sum of squares of finite weights may be infinite
            cnn.load_checkpoint(with_number(content, name, number))
            continue
        words = rf"{name} has a number that is not finite|Input {name} contains (NaN|infinity)"
        if ".history." in name:
            words = f"column '{name.rpartition('.')[2]}' of the history has a value that is not finite"
        with pytest.raises(ValueError, match=words):
            cnn.load_checkpoint(with_number(content, name, number, -1))


@pytest.mark.parametrize("numbers", [(0, 2.0), (1, 1.0), (1, 1.5), (0, -1.0), (1, 2.0**54)])
def test_numbers_of_epochs(numbers):
    index, number = numbers
    with pytest.raises(
        ValueError, match="column 'epoch' of the history has values that are not the numbers of epochs"
    ):
        cnn.load_checkpoint(with_number(ADAM, "training.history.epoch", number, index))


@pytest.mark.parametrize("name", KINDS)
def test_moments_of_every_optimizer(name):
    """Means of squares are not negative; other moments may be; none is NaN or infinite."""
    net = trained(name)
    content, state = content_of(net), net.snapshot()
    core = state["optimizer"]["name"]
    before = net.predict_proba(X).tobytes()
    for j, moment in enumerate(state["optimizer"]["moments"]):
        for number in (np.nan, np.inf, -1.0):
            changed = copy.deepcopy(state)
            changed["optimizer"]["moments"][j][1]["bias"][0] = number
            file = with_number(content, f"training.moments.{j}.layers.1.bias", number)
            if number == -1 and j not in NOT_NEGATIVE.get(core, ()):
                cnn.load_checkpoint(file).restore(changed)
                continue
            words = "below 0" if number == -1 else "not finite"
            with pytest.raises(ValueError, match=words):
                cnn.load_checkpoint(file)
            with pytest.raises(
                ValueError, match=rf"state\['optimizer'\]\['moments'\]\[{j}\]\[1\]\['bias'\] .* {words}"
            ):
                net.restore(changed)
            with pytest.raises(ValueError, match=words):
                net.set_state(changed)
        assert moment[1]["bias"].shape == (3,)
    assert net.predict_proba(X).tobytes() == before


def test_negative_squares_are_named_for_each_optimizer_that_has_them():
    """A negative number there trains to NaN: all squares of all optimizers, and nothing else."""
    for name in KINDS:
        net = trained(name)
        core = net.snapshot()["optimizer"]["name"]
        for j, moment in enumerate(net.snapshot()["optimizer"]["moments"]):
            smallest = min(layer[part].min() for layer in moment for part in ("weight", "bias"))
            assert (smallest >= 0) == (j in NOT_NEGATIVE.get(core, ())), (name, j)


@pytest.mark.parametrize(
    ("key", "value"),
    [("beta_1", 1.0), ("beta_2", -0.1), ("epsilon", 0.0), ("epsilon", -1.0), ("beta_1", 10**400)],
)
def test_hyperparameters_of_a_state(key, value):
    net = trained()
    state = net.snapshot()
    state["optimizer"]["hyperparameters"][key] = value
    with pytest.raises(ValueError, match=f"'{key}' parameter of the state"):
        net.restore(state)


def test_any_number_of_steps_is_soon_continued():
    """The product of the momenta of NAdam over all steps is not computed factor by factor."""
    for beta, decay in ((0.9, 0.004), (1 - 2.0**-40, 0.0), (1 - 2.0**-40, 1e-9)):
        net = classifier(optimizer=cnn.NAdam(beta_1=beta, momentum_decay=decay)).fit(X, Y, epochs=1)
        state = net.snapshot()
        state["optimizer"]["step"] = 2**53 - 10
        net.restore(state)
        net.partial_fit(X, Y)
        assert all(np.isfinite(W).all() for W, _ in net.get_weights())
    state["optimizer"]["step"] = 2**53 + 1
    with pytest.raises(
        ValueError, match=r"'step'\] is 9007199254740993; it must be at most 9007199254740992"
    ):
        net.restore(state)


def test_checks_return_the_value():
    check = schemas.record({"n": schemas.integer(1, 5), "x": schemas.real(above=0, special=("inf",))})
    assert check("it", {"n": 5, "x": {"float": "inf"}}) == {"n": 5, "x": np.inf}
    for value, words in (
        ({"n": 5}, r"it lacks \['x'\]"),
        ({"n": 5, "x": 1, "y": 1}, r"it has unknown \['y'\]"),
        ({"n": 6, "x": 1}, "it.n is 6; expected an integer from 1 to 5"),
        ({"n": 1, "x": 0}, 'it.x is 0; expected a finite number above 0, or {"float": "inf"}'),
        ({"n": 1, "x": {"float": "nan"}}, "it.x is .*; expected a finite number"),
        ([], "it must be a JSON object"),
    ):
        with pytest.raises(ValueError, match=words):
            check("it", value)


def test_encoders_that_contradict_themselves():
    """Names of columns are distinct, and all columns have one or none has; the embeddings are those of the columns."""
    table = np.empty((40, 2), object)
    table[:, 0], table[:, 1] = ["ab"[i % 2] for i in range(40)], ["abc"[i % 3] for i in range(40)]
    net = cnn.Network([cnn.Dense(3)], categorical_features="auto", embeddings=2, seed=0)
    net.fit(table, np.arange(40) % 3, epochs=1)
    buffer = io.BytesIO()
    net.save(buffer)
    content = buffer.getvalue()

    def named(*names):
        def change(document):
            for column, name in zip(document["encoder"], names, strict=True):
                column["name"] = name

        return with_document(content, NETWORK, change)

    assert cnn.load(named("x", "y")).feature_names_in_.tolist() == ["x", "y"]
    for names, words in ((("x", None), "the encoder has 1 names for 2 columns"), (("x", "x"), "'x'")):
        with pytest.raises(ValueError, match=words):
            cnn.load(named(*names))

    def swap(document):
        document["encoder"].reverse()

    with pytest.raises(
        ValueError, match="blocks of the first layer do not match the encoding of the columns"
    ):
        cnn.load(with_document(content, NETWORK, swap))
