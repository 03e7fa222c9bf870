"""TensorRT engines of a bundle, built on the machine that runs them.

`sgmn build` itself never loads TensorRT: children of `export.tensorrt.worker` do, one for each
engine, so that a crash is a message, memory is given back, and a kiosk is out of reach. Neither
torch nor the onnx package is needed.
"""
