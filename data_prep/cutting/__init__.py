"""Texts cut into sentences and tokens, and entities by characters fitted to them.

May import dirt, problems, sentences and tags, and ner_dist.contract.
"""
