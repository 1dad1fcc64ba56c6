"""A run -> an ONNX export that tags without MXNet; prediction/export_format.py says what is in it.

Imports prediction and what it imports.
"""
