"""The passes over a corpus: read, resolve tags, encode, deal to shards; and build, check and convert made of them.

Imports formats, encoders and ner_dist.contract.
"""
