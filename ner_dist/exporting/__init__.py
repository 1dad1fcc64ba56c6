"""A run -> an export that tags without MXNet; prediction/export_format.py describes its files.

Imports prediction and below.
"""
