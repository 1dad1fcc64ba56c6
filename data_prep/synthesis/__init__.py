"""Generates a synthetic tagged corpus of any size.

Imports data_prep's settings and ner_dist.atomic_file.
"""
