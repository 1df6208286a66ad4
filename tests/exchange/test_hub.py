"""Folders in the layout of the Hugging Face hub: valid cards, and files that are read back."""

import json

import compiled_nn as cnn
import numpy as np
import pytest
from model_kinds import KINDS


@pytest.mark.parametrize("kind", ["softmax", "ensemble", "MLPRegressor", "TabularClassifier"])
def test_folders_are_read_back(kind, tmp_path):
    model, X = KINDS[kind]("float32")
    model.save_pretrained(tmp_path / "a", license="mit", tags=["é: [x]"], metrics={"accuracy": 0.5})
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    config = json.loads((tmp_path / "a" / "config.json").read_text(encoding="utf-8"))
    name = config["architectures"][0]
    load = cnn.load if name in ("Network", "Ensemble") else getattr(cnn, name).load
    read = load(tmp_path / "a" / "model.safetensors")
    assert type(read) is type(model)
    assert np.array_equal(read.predict(X), model.predict(X))
    hub = pytest.importorskip("huggingface_hub", reason="cards are validated with huggingface_hub")
    card = hub.ModelCard.load(tmp_path / "a" / "README.md")
    assert card.data.library_name == "compiled_nn"
    assert card.data.license == "mit"
    assert card.data.tags[-1] == "é: [x]"
    assert card.data.metrics == ["accuracy"]
    assert card.data.pipeline_tag in ("tabular-classification", "tabular-regression")
    assert "| accuracy | 0.5 |" in card.text


def test_arguments(tmp_path):
    model, _ = KINDS["softmax"]("float32")
    with pytest.raises(TypeError, match="tags must be a sequence of texts"):
        model.save_pretrained(tmp_path / "a", tags="one")
    with pytest.raises(TypeError, match="metrics"):
        model.save_pretrained(tmp_path / "a", metrics={"accuracy": "high"})
    with pytest.raises(cnn.NotFittedError):
        cnn.MLPClassifier().save_pretrained(tmp_path / "a")
    assert not list(tmp_path.iterdir())
