"""Export to ONNX: `graph` holds the nodes that `inputs`, `network` and `outputs` add; `export` is the whole."""
