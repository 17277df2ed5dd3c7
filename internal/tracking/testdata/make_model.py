"""Writes model.onnx, the small model of the contract test: probability = sigmoid(2 V1 - V2 + 0.5 Amount - 0.25), label from 0.5.

usage: make_model.py PATH        needs onnx==1.23.2
"""

import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

graph = helper.make_graph(
    [
        helper.make_node("Gemm", ["input", "weights", "bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
        helper.make_node("GreaterOrEqual", ["probability", "threshold"], ["above"]),
        helper.make_node("Cast", ["above"], ["label"], to=TensorProto.INT64),
    ],
    "sigmoid",
    [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3])],
    [
        helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["batch", 1]),
        helper.make_tensor_value_info("label", TensorProto.INT64, ["batch", 1]),
    ],
    [
        numpy_helper.from_array(numpy.array([[2], [-1], [0.5]], numpy.float32), "weights"),
        numpy_helper.from_array(numpy.array([-0.25], numpy.float32), "bias"),
        numpy_helper.from_array(numpy.array(0.5, numpy.float32), "threshold"),
    ],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, sys.argv[1])
