"""Shards -> batches: which sentences a rank trains on at each step, and the arrays of each batch.

Imports contract and config. Arrays are numpy's; no MXNet.
"""
