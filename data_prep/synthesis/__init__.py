"""A synthetic tagged corpus from a grammar: the default corpus of this project.

Imports nothing else of data_prep.
"""
