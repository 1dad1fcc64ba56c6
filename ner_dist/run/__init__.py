"""The files of a run: its directory, its checkpoints and how to restore a tagger from one, and experiment trackers.

Imports model, ranks and what they import.
"""
