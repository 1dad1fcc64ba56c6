"""What becomes an id or a vector: vocabularies, token features, lexicons, pretrained word vectors.

Imports formats and ner_dist.contract.
"""
