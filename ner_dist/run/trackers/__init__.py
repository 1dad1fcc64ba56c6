"""Experiment trackers that a run reports to: one file for each, and a row in table.py.

Imports ner_dist.errors and atomic_file alone; the trackers' packages are imported when they are asked for.
"""
