"""One file per format that `convert` writes, the table of them (table.py says how to add one), and what they share.

May import tags, sentences and problems, and ner_dist.contract.
"""
