"""One file per corpus format, the table of the formats (table.py says how to add one), and what they share.

May import data_prep's problems and threads, and ner_dist.contract.
"""
