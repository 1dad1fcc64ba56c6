"""Slips of people who annotate: phrases, types and borders that differ from place to place, documents in two splits.

May import data_prep's sentences, tags and problems, and ner_dist's contract.
"""
