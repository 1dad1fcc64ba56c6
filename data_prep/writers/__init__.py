"""One file per format that `convert` writes, the table of them (table.py says how to add one), and what they share.

May import data_prep's formats and problems, and ner_dist.contract.
"""
