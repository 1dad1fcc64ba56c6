"""What is wrong with corpora in ways that are known, and what the user may choose to be done about each.

May import data_prep's problems, and ner_dist.contract.
"""
