"""Networks that people bring: weights of a named architecture, ONNX, a folder or zip."""
