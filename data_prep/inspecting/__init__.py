"""Looks into finished shard sets: describes them, finds and shows sentences.

Imports ner_dist.contract.
"""
