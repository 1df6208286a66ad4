"""The SVG of a network: valid XML, the circles, lines and labels that there should be."""

import re

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.display.diagram import network_diagram
from figures import SVG, parsed
from small import blobs, classifier


def texts(root):
    return ["".join(element.itertext()) for element in root.iter(SVG + "text")]


def inside(root):
    """Whether all circles and texts lie in the picture, a character being at most 8 pixels wide."""
    _, _, width, height = map(float, root.get("viewBox").split())
    for circle in root.iter(SVG + "circle"):
        x, y, r = (float(circle.get(name)) for name in ("cx", "cy", "r"))
        assert r <= x <= width - r
        assert r <= y <= height - r
    for text in root.iter(SVG + "text"):
        length = 7 * len("".join(text.itertext()))
        x = float(text.get("x")) - {"start": 0, "middle": length / 2, "end": length}[text.get("text-anchor")]
        assert x >= 0
        assert x + length <= width
        assert float(text.get("y")) <= height
    return True


def test_small_sizes():
    root = parsed(network_diagram([3, 4, 2]))
    assert len(list(root.iter(SVG + "circle"))) == 9
    assert [path.get("d").count("M") for path in root.iter(SVG + "path")] == [12, 8]
    assert not list(root.iter(SVG + "ellipse"))
    labels = ["input", "3 inputs", "", "hidden", "4 units", "", "output", "2 units", ""]
    assert texts(root) == labels
    assert inside(root)


def test_lines_go_from_circle_to_circle():
    root = parsed(network_diagram([2, 3]))
    circles = [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter(SVG + "circle")]
    ends = re.findall(r"M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)", next(root.iter(SVG + "path")).get("d"))
    expected = {(x + 10, y, u - 10, v) for x, y in circles[:2] for u, v in circles[2:]}
    assert {tuple(map(float, end)) for end in ends} == expected


@pytest.mark.parametrize("max_units", [3, 4, 8, 16])
def test_large_layers_are_shortened(max_units):
    root = parsed(network_diagram([784, 50, 10], max_units=max_units))
    assert len(list(root.iter(SVG + "ellipse"))) == 3 * (2 if max_units >= 10 else 3)
    assert {"784 inputs", "50 units", "10 units"} <= set(texts(root))
    drawn = {c.get("cx"): 0 for c in root.iter(SVG + "circle")}
    for circle in root.iter(SVG + "circle"):
        drawn[circle.get("cx")] += 1
    assert max(drawn.values()) <= max_units
    assert inside(root)


def test_weights_of_a_fitted_network():
    net = classifier(hidden=4).fit(*blobs(), epochs=1)
    root = parsed(network_diagram(net))
    lines = [line for line in root.iter(SVG + "line") if list(line)]
    W = np.concatenate([W.ravel() for W, _ in net.get_weights()])
    assert len(lines) == W.size == 4 * 4 + 4 * 3
    shown = [float("".join(line.itertext())) for line in lines]
    np.testing.assert_allclose(shown, W, rtol=1e-3)
    assert [line.get("stroke-dasharray") is not None for line in lines] == (W < 0).tolist()
    assert len({line.get("stroke") for line in lines}) == 2
    for W, some in zip([W for W, _ in net.get_weights()], (lines[:16], lines[16:]), strict=True):
        order = np.argsort(np.abs(W.ravel()))
        widths = [float(some[i].get("stroke-width")) for i in order]
        assert widths == sorted(widths)
    assert {"tanh", "softmax", "4 inputs", "positive", "negative"} <= set(texts(root))
    assert inside(root)


def test_weights_when_asked():
    net = classifier().fit(*blobs(), epochs=1)
    assert "<line" not in network_diagram(net, weights=False)
    assert "<line" not in network_diagram(net, max_units=5)  # too many for that
    root = parsed(network_diagram(net, max_units=5, weights=True))
    shown = [float("".join(line.itertext())) for line in root.iter(SVG + "line") if list(line)]
    W = net.get_weights()[0][0]
    np.testing.assert_allclose(shown[:4], W[0, [0, 1, -2, -1]], rtol=1e-3)


def test_zero_weights_are_thin():
    net = cnn.Network([cnn.Dense(2, init="zeros")]).fit([[1.0], [2.0]], [0, 1], epochs=0)
    assert parsed(network_diagram(net)).find(SVG + "line").get("stroke-width") == "0.4"


def test_before_fit():
    root = parsed(network_diagram(classifier()))
    assert {"? inputs", "8 units", "3 units"} <= set(texts(root))
    assert root.get("aria-label") == "Network ?-8-3"


def test_names():
    nasty = ["<b>&'\"", "a]]>\x00\x1b", "é 漢"]
    svg = network_diagram(
        [2, 3], layer_names=["in & out", "<script>"], class_names=nasty, feature_names=["a", "b"]
    )
    root = parsed(svg)
    shown = texts(root)
    assert {"in & out", "<script>", "<b>&'\"", "a]]>\ufffd\ufffd", "é 漢"} <= set(shown)
    assert shown[:2] == ["a", "b"]


def test_long_names_have_room():
    names = ["a name of a layer that goes on and on"] * 3
    root = parsed(network_diagram([2, 3, 2], layer_names=names, class_names=["z" * 60, "y"]))
    assert inside(root)


def test_names_of_units_left_out():
    names = [f"pixel {i}" for i in range(20)]
    shown = texts(parsed(network_diagram([20, 2], feature_names=names, max_units=4)))
    assert shown[:3] == ["pixel 0", "pixel 1", "pixel 19"]


def test_activations_of_sizes():
    assert {"relu", "softmax"} <= set(
        texts(parsed(network_diagram([2, 3, 2], activations=["relu", "softmax"])))
    )


def test_a_picture_in_notebooks():
    svg = network_diagram([1, 1])
    assert svg._repr_svg_() == svg._repr_html_() == svg


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"network": [3]}, ValueError, "at least 2 sizes, inputs and outputs. Got 1"),
        ({"network": [3, 0]}, ValueError, "must be an int >= 1. Got 0"),
        ({"network": [3, 2.5]}, TypeError, "must be an int >= 1. Got 2.5"),
        ({"network": "3-4-2"}, TypeError, "network must be a Network, an estimator, or sizes"),
        ({"network": 5}, TypeError, "network must be a Network, an estimator, or sizes"),
        ({"network": [2, 3], "max_units": 2}, ValueError, "'max_units' .* >= 3. Got 2"),
        ({"network": [2, 3], "weights": True}, ValueError, "this one has no weights"),
        ({"network": [2, 3], "weights": 1}, TypeError, "'weights' parameter"),
        ({"network": [2, 3], "activations": []}, ValueError, "activations has 0 entries; there are 1 layers"),
        ({"network": [2, 3], "layer_names": ["a"]}, ValueError, "layer_names has 1 entries; there are 2"),
        (
            {"network": [2, 3], "class_names": ["a"]},
            ValueError,
            "class_names has 1 entries; there are 3 units",
        ),
        ({"network": [2, 3], "feature_names": ["a"]}, ValueError, "feature_names has 1 entries; there are 2"),
        ({"network": [2, 3], "class_names": "abc"}, TypeError, "class_names must be a sequence of str"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        network_diagram(**arguments)


@pytest.mark.parametrize("kind", [cnn.MLPClassifier, cnn.MLPRegressor])
def test_estimators(kind):
    X, y = blobs()
    estimator = kind(hidden_layer_sizes=(5, 4), max_iter=1, random_state=0)
    assert {"? inputs", "5 units", "4 units", "? units"} <= set(texts(parsed(network_diagram(estimator))))
    estimator.fit(X, y)
    assert network_diagram(estimator) == network_diagram(estimator.network_)
    assert len(list(parsed(network_diagram(estimator)).iter(SVG + "line"))) > 4 * 5 + 5 * 4
