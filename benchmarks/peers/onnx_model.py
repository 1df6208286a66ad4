"""The network of a workload as an ONNX model, for the peers that read such models."""

from data import Task
from onnx import TensorProto, checker, helper, numpy_helper

ELEMENT = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}


def make_model(task: Task) -> bytes:
    """Return the initial network of a workload as a model with probabilities as output.

    Parameters
    ----------
    task : Task
        Weights and activation.

    Returns
    -------
    bytes
        Serialised model with the input ``X`` and the output ``probabilities``, for the rows of the workload.
    """
    workload, nodes, initializers, name = task.workload, [], [], "X"
    for layer, (W, b) in enumerate(task.weights, 1):
        initializers += [numpy_helper.from_array(W, f"W{layer}"), numpy_helper.from_array(b, f"b{layer}")]
        nodes.append(helper.make_node("Gemm", [name, f"W{layer}", f"b{layer}"], [f"Z{layer}"]))
        if layer < len(task.weights):
            kind = "Relu" if workload.hidden == "relu" else "Sigmoid"
            name = f"A{layer}"
        else:
            kind = "Sigmoid" if workload.sizes[-1] == 1 else "Softmax"
            name = "probabilities"
        nodes.append(helper.make_node(kind, [f"Z{layer}"], [name]))
    element = ELEMENT[task.dtype]
    X = helper.make_tensor_value_info("X", element, [workload.rows, workload.sizes[0]])
    P = helper.make_tensor_value_info("probabilities", element, [workload.rows, workload.sizes[-1]])
    graph = helper.make_graph(nodes, workload.name, [X], [P], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString()
