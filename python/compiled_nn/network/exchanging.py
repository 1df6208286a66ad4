"""Conversion of a model to other formats and libraries: the methods ``to_...`` of all models."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from ..common.errors import NotFittedError
from .narrowing import Narrowing

if TYPE_CHECKING:
    from ..artefact.predictor import Predictor
    from ..exchange.description import Description
    from ..exchange.verification import Verification
    from ..files.places import Writable


class Exchanging:
    """Methods that convert a fitted model."""

    @abstractmethod
    def _described_predictor(self) -> tuple[Description, Predictor]:
        """Return the description of the present predictor, and the predictor; NotFittedError without weights."""

    def _check_float(self, method: str) -> None:
        """Raise ValueError if the model predicts with int8, which the result of a method cannot express."""
        if getattr(self, "_is_quantized", False):
            raise ValueError(
                f"{method} uses the weights in float32, but this model predicts with int8. Use {method} of the model"
                " that quantize was called on; to_onnx and to_c export int8."
            )

    def _fingerprint_if_any(self) -> str | None:
        """Return the fingerprint; None for a model that cannot be saved, such as one with a loss of the user."""
        try:
            found: str = self.fingerprint()  # type: ignore[attr-defined]
        except NotFittedError:
            raise
        except ValueError:
            return None
        return found

    def to_onnx(
        self,
        path: Writable | None = None,
        *,
        inputs: Literal["auto", "tensor", "columns"] = "auto",
        dtype: Literal["float32", "float64"] | None = None,
        opset: int = 17,
        tolerance: float | None = None,
    ) -> Any:
        """Export the model to ONNX.

        Everything that the model does is in the file: scaling, categories, dates, bins, embeddings, all layers, the
        mean of an ensemble, temperature, labels, and units of y.

        Parameters
        ----------
        path : str, path-like or binary file object, optional
            File to write; an existing file is replaced. Default: the model is only returned.
        inputs : {"auto", "tensor", "columns"}, default "auto"
            Inputs of the file: one tensor "X" (batch, k), or an input (batch, 1) for each column, with its name.
            "auto": one tensor, unless the model encodes a table.
        dtype : {"float32", "float64"}, optional
            Dtype of numbers in the file. Default: that of the model.
        opset : int, default 17
            Version of the operators, from 17 to 22.
        tolerance : float, optional
            Largest difference from the predictions of onnxruntime that is allowed, relative to the largest output.
            Default: 1e-9 for float64, 1e-5 for float32.

        Returns
        -------
        onnx.ModelProto
            Model, with the outputs "label" and "probabilities" for classes; "values" (batch, n) otherwise, and
            "deviations" for the loss "gaussian_nll".

        Raises
        ------
        NotFittedError
            If the model has no weights yet.
        ValueError
            If ONNX cannot express the model, such as a user-defined activation, or it is too large for a file.
        ArithmeticError
            If onnxruntime predicts something else for probe rows. No file is then written.
        ImportError
            If onnx or onnxruntime is not installed.

        See Also
        --------
        from_onnx : Network from a file.
        to_c, to_json : Files for devices without onnxruntime, and for browsers.

        Notes
        -----
        docs/guide/onnx.md describes the inputs, the outputs and the metadata of the file. Before the function returns,
        onnxruntime predicts probe rows together and one by one. The largest difference is recorded in the file.

        Examples
        --------
        >>> import numpy as np
        >>> import onnxruntime
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(2)], optimizer="lbfgs", seed=0).fit([[0.0], [1.0]], ["no", "yes"])
        >>> model = net.to_onnx("net.onnx")
        >>> session = onnxruntime.InferenceSession("net.onnx")
        >>> session.run(["label"], {"X": np.float32([[0.0], [1.0]])})[0].tolist()
        ['no', 'yes']
        """
        from ..exchange.to_onnx.export import export  # imported here to keep `import compiled_nn` fast

        before = self._fingerprint_if_any()
        description, predictor = self._described_predictor()
        same = before is not None and before == self._fingerprint_if_any()  # not so while it is trained
        known = before if same else None
        return export(
            description,
            predictor,
            path,
            form=inputs,
            dtype=dtype,
            opset=opset,
            tolerance=tolerance,
            fingerprint=known,
        )

    def to_torch(self, *, logits: bool = False, encoded: bool = False) -> Any:
        """Return the model as a ``torch.nn.Sequential`` that takes the rows of X.

        The module includes everything that the model computes: scaling, clip and bins of the columns, all layers, the
        mean of an ensemble, the temperature, and units of y. Its last module returns probabilities of classes, (m, 1)
        for one sigmoid output, or values; for the loss "gaussian_nll", means and log variances. The predictions of
        both are compared before it is returned; its attribute `conversion` has the largest difference.

        Parameters
        ----------
        logits : bool, default False
            Whether the module returns the outputs before the softmax or the sigmoid, as PyTorch's losses take them.
        encoded : bool, default False
            For a model of tables with categories or dates: a module that takes the rows of ``encoder_.transform(X)``.

        Returns
        -------
        torch.nn.Sequential
            Module in evaluation mode, in the dtype of the model. ``state_dict()`` has the names of a Sequential, such
            as "0.weight" (units, inputs) and "0.bias" of the first linear layer. Batch normalisation is in the weights.

        Raises
        ------
        NotFittedError
            If the model has no weights yet.
        ImportError
            If PyTorch is not installed.
        ValueError
            If a module cannot express the model, because of texts, dates or a user-defined activation.
        ArithmeticError
            If the predictions differ.

        See Also
        --------
        from_torch : Network from a module.
        compiled_nn.torch.Module : Module that shares the weights of the network.

        Examples
        --------
        >>> import torch
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(2)], optimizer="lbfgs", seed=0).fit([[0.0], [1.0]], ["no", "yes"])
        >>> module = net.to_torch()
        >>> with torch.no_grad():
        ...     print(module(torch.tensor([[0.0], [1.0]])).numpy().round(1))
        [[1. 0.]
         [0. 1.]]
        """
        from ..exchange.torch_writer import to_torch  # imported here to keep `import compiled_nn` fast

        self._check_float("to_torch")
        return to_torch(*self._described_rows(encoded), logits=logits)

    def to_keras(self, *, logits: bool = False, encoded: bool = False) -> Any:
        """Return the model as a functional model of Keras 3 that takes the rows of X.

        The model has the layers of ``keras.layers`` only, so that Keras can save and load it. Its outputs are those of
        :meth:`to_torch`. The predictions of both are compared before it is returned; its attribute `conversion` has
        the largest difference.

        Parameters
        ----------
        logits, encoded : bool, default False
            Parameters of :meth:`to_torch`.

        Returns
        -------
        keras.Model
            Model in the dtype of this one, which is not compiled.

        Raises
        ------
        NotFittedError
            If the model has no weights yet.
        ImportError
            If Keras is not installed.
        ValueError
            If no layer of Keras computes a part of the model; the message names it.
        ArithmeticError
            If the predictions differ.

        See Also
        --------
        from_keras : Network from a model of Keras.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(2)], optimizer="lbfgs", seed=0).fit([[0.0], [1.0]], ["no", "yes"])
        >>> model = net.to_keras()
        >>> [type(layer).__name__ for layer in model.layers]
        ['InputLayer', 'Dense', 'Activation']
        """
        from ..exchange.keras_writer import to_keras  # imported here to keep `import compiled_nn` fast

        self._check_float("to_keras")
        return to_keras(*self._described_rows(encoded), logits=logits)

    def _described_rows(self, encoded: bool) -> tuple[Description, Predictor]:
        """Return description and predictor; with `encoded`, those that take the rows of ``encoder_.transform(X)``."""
        description, predictor = self._described_predictor()
        if not encoded:
            return description, predictor
        if description.columns is None:
            raise ValueError(
                "encoded=True is for models with an encoder of tables; this one takes X as it is. Leave it out."
            )
        return replace(description, columns=None), predictor.of_encoded()

    @abstractmethod
    def to_sklearn(self) -> Any:
        """Return the model as a fitted ``MLPClassifier`` or ``MLPRegressor`` of scikit-learn.

        With `standardize`, the result is a pipeline of scikit-learn's scaler and the estimator. The predictions of both
        are compared before it is returned; its attribute `conversion_` has the largest difference. An estimator keeps
        its parameters, loss curve and moments, so that ``partial_fit`` continues its training; a warning names those
        parameters of training that scikit-learn does not have. For a network, the parameters of training are
        scikit-learn's defaults, with ``alpha=0``.

        Returns
        -------
        MLPClassifier, MLPRegressor or Pipeline of scikit-learn
            Fitted estimator, which predicts, scores, and can be pickled.

        Raises
        ------
        NotFittedError
            If the model has no weights yet.
        ImportError
            If scikit-learn is not installed.
        ValueError
            If scikit-learn's classes cannot express the model; the message names the part.
        ArithmeticError
            If the predictions differ.
        """

    def to_c(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        dtype: Literal["float32", "float64", "int8"] | None = None,
        test_rows: int = 8,
        calibration_data: Any = None,
    ) -> Verification:
        """Export the model to C99: a source file, and its header beside it.

        The source allocates no memory, has no variables besides constants, and needs only the math library. Everything
        that the model does is in it: scaling, categories, missing values, dates, bins, all layers, the mean of an
        ensemble, temperature, and units of y.

        Parameters
        ----------
        path : str or path-like
            File to write, which ends in ``.c``. The header ends in ``.h``. Existing files are replaced.
        name : str, optional
            Beginning of all names in C: ``NAME_predict``. Default: the file name.
        dtype : {"float32", "float64", "int8"}, optional
            Numbers in C. With "int8", weights and the inputs of layers are whole numbers of 8 bits, which need a
            quarter of the memory, and predictions are less exact. Default: "int8" for the result of :meth:`quantize`,
            which has no other one, otherwise "float32".
        test_rows : int, default 8
            Number of rows of the self-test in the source, at most as many as there are probe rows.
        calibration_data : array-like or table, optional
            Rows that determine the ranges of the inputs of layers, for "int8": some hundred training rows. Default:
            those of :meth:`quantize`; otherwise probe rows, which reach further than training did, so that the steps
            between numbers are wider.

        Returns
        -------
        Verification
            Largest difference from the model, relative to the largest output, on a number of rows, and what computed
            it: the C compiler (the environment variable CC, or cc, gcc or clang), or an emulation in NumPy if there is
            none.

        Raises
        ------
        NotFittedError
            If the model has no weights yet.
        ValueError
            If an argument is invalid, or C cannot express the model, such as a user-defined activation.
        ArithmeticError
            If the compiled program predicts something else for probe rows, by more than 1e-5 of the largest output (for
            float64, 1e-9). No file is then written.

        See Also
        --------
        to_onnx : File for onnxruntime.
        to_json : File for browsers.

        Notes
        -----
        docs/guide/devices.md describes the interface, and the arithmetic of int8.

        Examples
        --------
        >>> from pathlib import Path
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(2)], seed=0).fit([[0.0], [1.0]], ["no", "yes"], epochs=5)
        >>> net.to_c("net.c").rows  # the number of rows that were compared
        64
        >>> "int net_predict" in Path("net.c").read_text(encoding="utf-8")
        True
        """
        description, predictor = self._described_predictor()
        from ..exchange.to_c.export import export  # imported here to keep `import compiled_nn` fast

        return export(
            description,
            predictor,
            path,
            name=name,
            dtype=dtype,
            test_rows=test_rows,
            calibration=calibration_data,
        )

    def to_json(self, path: Writable) -> Verification:
        """Export the model to JSON: plain numbers with documented keys, for a short reader in any language.

        Parameters
        ----------
        path : str, path-like or binary file object
            File to write; an existing file is replaced.

        Returns
        -------
        Verification
            Largest difference from the model, relative to the largest output, on probe rows, computed in float64 from
            the numbers of the file.

        Raises
        ------
        NotFittedError
            If the model has no weights yet.
        ValueError
            If the form cannot express the model: dates, labels that are bytes, or a user-defined activation.
        ArithmeticError
            If the numbers of the file predict something else. No file is then written.

        See Also
        --------
        to_c : File for small devices.
        to_onnx : File for onnxruntime.

        Notes
        -----
        docs/guide/devices.md describes the keys, and has a reader in JavaScript.

        Examples
        --------
        >>> from pathlib import Path
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(2)], seed=0).fit([[0.0], [1.0]], ["no", "yes"], epochs=5)
        >>> net.to_json("net.json").rows  # the number of rows that were compared
        64
        >>> '"classes"' in Path("net.json").read_text(encoding="utf-8")
        True
        """
        self._check_float("to_json")
        description, predictor = self._described_predictor()
        from ..exchange.json_export import export  # imported here to keep `import compiled_nn` fast

        return export(description, predictor, path)

    def save_pretrained(
        self,
        folder: str | os.PathLike[str],
        *,
        license: str | None = None,
        tags: Iterable[str] = (),
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Write a folder in the layout of the Hugging Face hub, which its program uploads.

        Parameters
        ----------
        folder : str or path-like
            Folder, which is made if there is none. It gets the files ``model.safetensors``, which ``save`` also writes,
            ``config.json``, and ``README.md``, the model card.
        license : str, optional
            Identifier of the licence for the card, such as "mit".
        tags : sequence of str, optional
            Further tags for the card.
        metrics : dict of str to float, optional
            Names and values of metrics for the card.

        Raises
        ------
        NotFittedError
            If the model has no weights yet.
        TypeError
            If `tags` is not a sequence of texts, or a metric is not a number.

        See Also
        --------
        save : File without the other files of the folder.

        Notes
        -----
        ``compiled_nn.load``, or ``load`` of the class of an estimator, reads the file ``model.safetensors``.

        Examples
        --------
        >>> import os
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(2)], seed=0).fit([[0.0], [1.0]], ["no", "yes"], epochs=5)
        >>> net.save_pretrained("hub", license="mit", metrics={"accuracy": 1.0})
        >>> sorted(os.listdir("hub"))
        ['README.md', 'config.json', 'model.safetensors']
        """
        description, _ = self._described_predictor()
        from ..exchange import hub  # imported here to keep `import compiled_nn` fast

        model: Any = self
        hub.save(
            type(self).__name__,
            model.precision_,
            description,
            model.save,
            folder,
            license=license,
            tags=tags,
            metrics=metrics,
        )


class NetworkExchanging(Exchanging, Narrowing):
    """The same methods for a model that has the predictor itself."""

    def _described_predictor(self) -> tuple[Description, Predictor]:
        from ..exchange.description import describe  # imported here to keep `import compiled_nn` fast

        # Other programs have no products of bfloat16: they get the weights in float32.
        predictor = self._predicting() if self.precision_ != "bfloat16" else self._predicting_in("float32")
        return describe(predictor, self._fitted().statistics), predictor

    def to_sklearn(self) -> Any:
        """Raise ValueError, because scikit-learn's classes hold one network.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[0.0], [1.0]], ["no", "yes"]
        >>> layers = [cnn.Dense(2, "tanh"), cnn.Dense(1)]
        >>> net = cnn.Network(layers, loss="binary_cross_entropy", optimizer="lbfgs", seed=0).fit(X, y)
        >>> net.to_sklearn().predict(X).tolist()
        ['no', 'yes']
        """
        raise ValueError(
            "scikit-learn's multilayer perceptron holds one network, and this model combines several. The estimators of"
            " this library work in scikit-learn's pipelines as they are."
        )
