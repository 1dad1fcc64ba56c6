"""Shards -> batches: which sentences a rank trains on at each step, and the arrays of each batch.

Imports contract, config, stores and errors. Arrays are numpy's; no MXNet.
"""
