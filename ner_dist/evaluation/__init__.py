"""The exact entity F1: counts, scoring a split on all ranks, opening a run to score it, files of predictions.

Imports run and what it imports; nothing of training.
"""
