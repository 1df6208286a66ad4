"""Reader of model files in plain Python and NumPy, written from docs/guide/files.md alone, without the package.

`Model(content)` reads a file; its methods predict for rows (m, k), or for a table: a dict of columns by name, or by
index if the file has no names. All arithmetic is in float64.
"""

import hashlib
import json
import math

import numpy as np

DTYPES = {"F32": "<f4", "F64": "<f8", "U8": "u1"}


def sigmoid(z):
    return 0.5 * (1 + np.tanh(z / 2))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softplus(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


erf = np.vectorize(math.erf, otypes=[float])
ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "softmax": softmax,
    "exp": np.exp,
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "relu6": lambda z: np.clip(z, 0, 6),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "selu": lambda z: (
        1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0)))
    ),
    "gelu": lambda z: z * 0.5 * (1 + erf(z / math.sqrt(2))),
    "gelu_tanh": lambda z: z * sigmoid(math.sqrt(8 / math.pi) * (z + 0.044715 * z**3)),
    "silu": lambda z: z * sigmoid(z),
    "mish": lambda z: z * np.tanh(softplus(z)),
    "softplus": softplus,
    "softsign": lambda z: z / (1 + np.abs(z)),
    "hard_sigmoid": lambda z: np.clip(z + 3, 0, 6) / 6,
    "hard_swish": lambda z: z * np.clip(z + 3, 0, 6) / 6,
    "hard_tanh": lambda z: np.clip(z, -1, 1),
    "sine": np.sin,
}
LINKS = {"softmax_cross_entropy": "softmax", "binary_cross_entropy": "sigmoid", "focal": "softmax"}
LINKS |= dict.fromkeys(("poisson", "gamma", "tweedie"), "exp")


def is_missing(value):
    return value is None or value != value


class Model:
    def __init__(self, content):
        size = int.from_bytes(content[:8], "little")
        self.header = json.loads(content[8 : 8 + size])
        self.bytes = content[8 + size :]
        self.metadata = self.header.pop("__metadata__")
        self.document = json.loads(self.metadata["compiled_nn"])
        self.config = self.document["network"]
        loss = self.config["loss"]
        self.loss = {"name": loss} if isinstance(loss, str) else loss

    def tensor(self, name):
        if name not in self.header:
            return None
        entry = self.header[name]
        numbers = np.frombuffer(self.bytes[slice(*entry["data_offsets"])], DTYPES[entry["dtype"]])
        return numbers.reshape(entry["shape"]).astype(float)

    # ---- inputs

    def encoded(self, X):
        """Return the columns that the encoder makes of a table."""
        numbers, indicators, categories = [], [], []
        for i, column in enumerate(self.document["encoder"]):
            if "kind" in column:
                continue
            values = X[i if column["name"] is None else column["name"]]
            missing = np.array([is_missing(value) for value in values])
            if "categories" in column:
                known = {category: j for j, category in enumerate(column["categories"])}
                block = np.zeros((len(values), len(known) + column["rare"]))
                for row, value in enumerate(values):
                    place = known.get(value, len(known) if column["rare"] else None)
                    if not missing[row] and place is not None:
                        block[row, place] = 1
                categories.append(block)
                continue
            if "first" in column:
                for part, mean in zip(column["parts"], column["means"], strict=True):
                    found = [mean if gap else date_part(part, value, column["first"])
                             for value, gap in zip(values, missing, strict=True)]  # fmt: skip
                    numbers.append(found)
            else:
                pairs = zip(values, missing, strict=True)
                numbers.append([column["mean"] if gap else float(value) for value, gap in pairs])
            if column["indicator"]:
                indicators.append(missing.astype(float))
        self.n_numbers = len(numbers)
        columns = [*(np.array(each, float)[:, np.newaxis] for each in (*numbers, *indicators)), *categories]
        return np.concatenate(columns, axis=1)

    def inputs(self, X):
        """Return the inputs of the first layer."""
        if self.document.get("encoder") is not None:
            z = self.encoded(X)
        else:
            z = np.asarray(X, float).reshape(len(X), -1)
            self.n_numbers = z.shape[1]
        mean, scale = self.tensor("standardization.mean"), self.tensor("standardization.scale")
        standardise = (
            (lambda x: x * self.config["input_scale"]) if mean is None else (lambda x: (x - mean) / scale)
        )
        scaled = z = standardise(z)
        if str(self.config.get("standardize")).endswith("_smooth_clip"):
            z = z.copy()
            z[:, : self.n_numbers] /= np.sqrt(1 + (z[:, : self.n_numbers] / 3) ** 2)
        counts, bins, at = self.document.get("inputs", {}).get("bins", []), [], 0
        edges, gain = self.tensor("bins.edges"), self.config.get("numeric_embeddings", {}).get("gain")
        for j, n in enumerate(counts):
            if n:
                of_column = np.zeros((n + 1, len(counts)))
                of_column[:, j] = edges[at : at + n + 1]
                e, at = standardise(of_column)[:, j], at + n + 1
                position = (scaled[:, j, np.newaxis] - e[:-1]) / np.diff(e)
                low, high = np.zeros(n), np.ones(n)
                low[0], high[-1] = -1, 2
                bins.append(gain * np.clip(position, low, high))
        return np.concatenate([z, *bins], axis=1)

    # ---- layers

    def outputs(self, z, network, prefix="", temperature=1.0):
        """Return the outputs of one network before the link, and its link."""
        last = len(network["layers"]) - 1
        loss = self.loss["name"]
        link = self.loss.get("link", LINKS.get(loss, "identity"))
        for i, layer in enumerate(network["layers"]):
            a, name = z, f"{prefix}layers.{i}."
            z = a @ self.tensor(name + "weight").T
            if layer.get("norm") is not None:
                mean, variance = 0, np.mean(z**2, axis=1, keepdims=True)
                if layer["norm"] == "layer":
                    mean, variance = z.mean(axis=1, keepdims=True), z.var(axis=1, keepdims=True)
                if layer["norm"] == "batch":
                    mean, variance = (self.tensor(f"{name}norm.running_{key}") for key in ("mean", "var"))
                z = (z - mean) / np.sqrt(variance + 1e-5) * self.tensor(name + "norm.weight")
            bias = self.tensor(name + "bias")
            z = z if bias is None else z + bias
            if i < last:
                z = ACTIVATIONS[layer["activation"] or "identity"](z) + (a if layer.get("residual") else 0)
            elif layer["activation"] not in (None, link):
                z = ACTIVATIONS[layer["activation"]](z)
        return z / temperature, link

    def linked(self, X):
        """Return the outputs after the link; of an ensemble those of the mean."""
        z, document = self.inputs(X), self.document
        if "members" not in document:
            logits, link = self.outputs(z, self.config, temperature=document.get("temperature", 1))
            return self.in_form(ACTIVATIONS[link](logits))
        total = 0
        for i, each in enumerate(document["members"]["kept"]):
            network = document["members"]["networks"][each["place"]]
            logits, link = self.outputs(z, network, f"members.{i}.", each["temperature"])
            outputs = self.in_form(ACTIVATIONS[link](logits))
            if self.loss["name"] == "gaussian_nll":
                n = outputs.shape[1] // 2
                outputs = np.concatenate([outputs[:, :n], outputs[:, n:] + outputs[:, :n] ** 2], axis=1)
            total = total + each["weight"] * outputs
        if self.loss["name"] == "gaussian_nll":
            n = total.shape[1] // 2
            total[:, n:] -= total[:, :n] ** 2
        if document["temperature"] != 1:
            logits = np.log(total) if link == "softmax" else np.log(total) - np.log1p(-total)
            total = ACTIVATIONS[link](logits / document["temperature"])
        return total

    def in_form(self, outputs):
        """Return outputs after the link in the form that is averaged: P(y > j), sorted quantiles, variances."""
        if self.loss["name"] == "ordinal":
            return sigmoid(
                np.cumsum(np.concatenate([outputs[:, :1], -softplus(outputs[:, 1:])], axis=1), axis=1)
            )
        if self.loss["name"] == "quantile":
            return np.sort(outputs, axis=1)
        if self.loss["name"] == "gaussian_nll":
            n = outputs.shape[1] // 2
            return np.concatenate([outputs[:, :n], np.exp(outputs[:, n:])], axis=1)
        return outputs

    # ---- predictions

    def values(self, X):
        """Return predicted values (m, n) in units of y."""
        outputs = self.linked(X)
        if self.loss["name"] == "gaussian_nll":
            outputs = outputs[:, : outputs.shape[1] // 2]
        mean, scale = self.tensor("targets.mean"), self.tensor("targets.scale")
        return outputs if mean is None else outputs * scale + mean

    def probabilities(self, X):
        """Return the probabilities of the classes (m, n)."""
        p, classes = self.linked(X), self.document["classes"]
        if classes is not None and len(classes["values"]) == 2 and len(set(classes["values"])) == 1:
            return np.ones((len(p), 1))
        if self.loss["name"] == "ordinal":
            edge = np.ones((len(p), 1))
            return -np.diff(np.concatenate([edge, p, 0 * edge], axis=1), axis=1)
        return np.concatenate([1 - p, p], axis=1) if p.shape[1] == 1 else p

    def labels(self, X):
        """Return the predicted labels (m,), or 0 and 1 (m, n) for independent classes."""
        p = self.linked(X)
        if self.document["targets"] == "indicator":
            return (p >= 0.5).astype(int)
        at_half = self.loss["name"] == "ordinal" or p.shape[1] == 1
        chosen = (p >= 0.5).sum(axis=1) if at_half else p.argmax(axis=1)
        return [self.document["classes"]["values"][k] for k in chosen]

    # ---- fingerprint

    def fingerprint(self):
        """Return the fingerprint of the content."""
        document = self.document
        training = [
            "optimizer",
            "l1",
            "l2",
            "seed",
            "input_dropout",
            "clip_norm",
            "clip_value",
            "ema",
            "proximal",
        ]
        tensors = {
            name: [
                entry["dtype"],
                entry["shape"],
                hashlib.sha256(self.bytes[slice(*entry["data_offsets"])]).hexdigest(),
            ]
            for name, entry in self.header.items()
            if not name.startswith(("training.", "mapped."))
        }

        def reduced(network):
            left = {key: value for key, value in network.items() if key not in training}
            layers = [
                {
                    key: value
                    for key, value in layer.items()
                    if key not in ("init", "dropout", "trainable", "rate")
                }
                for layer in network["layers"]
            ]
            return {**left, "layers": layers}

        fields = {name: document[name] for name in ("n_features", "targets", "classes")}
        fields |= {"temperature": document.get("temperature", 1.0), "encoder": document.get("encoder")}
        fields |= {
            "inputs": document.get("inputs", {}),
            "outputs": document.get("outputs", {}),
            "tensors": tensors,
        }
        if "members" in document:
            networks = document["members"]["networks"]
            fields["members"] = [
                {
                    "network": reduced(networks[each["place"]]),
                    **{k: each[k] for k in ("weight", "temperature")},
                }
                for each in document["members"]["kept"]
            ]
        else:
            fields["network"] = reduced(document["network"])
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def date_part(part, value, first):
    """Return a part of a date, which is a datetime64."""
    moment = np.datetime64(value, "us")
    micros = int(moment.astype(np.int64))
    day = moment.astype("datetime64[D]").item()
    if part == "days":
        return (micros - first) / 86_400_000_000
    if part == "hour":
        return micros % 86_400_000_000 / 3_600_000_000
    return float({"year": day.year, "month": day.month, "day": day.day, "weekday": day.weekday()}[part])
