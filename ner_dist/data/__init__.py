"""Shards -> batches: which sentences a rank trains on at each step, and the arrays it gets for them.

Imports contract and config. No MXNet: arrays are numpy's.
"""
