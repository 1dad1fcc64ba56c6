"""What becomes an id or a vector: vocabularies, token features, lexicons, pretrained word vectors.

Imports formats, data_prep's settings and problems, ner_dist.contract and ner_dist.foreign.
"""
