"""Describes finished shard sets, and finds and shows their sentences.

Imports encoders, formats, ner_dist.contract and ner_dist.cli.
"""
