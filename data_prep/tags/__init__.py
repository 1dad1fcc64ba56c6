"""Tag strings in any scheme and spelling, and what those of a file mean.

May import remote, sentences and problems, and ner_dist.contract.
"""
