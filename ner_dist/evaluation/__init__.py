"""The exact entity F1: counts, scoring a split on all ranks, intervals, confidences, files of predictions.

Imports model and what it imports; nothing of runs or training.
"""
