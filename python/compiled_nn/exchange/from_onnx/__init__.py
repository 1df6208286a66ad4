"""Reader of ONNX: `graph` holds nodes and constants, `numpy_nodes` computes them; `recognition`, `network` read."""
