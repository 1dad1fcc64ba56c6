"""What preparation and training agree on: the shard format, tag schemes, spelling, word look-up and lexicon matching.

Imports ner_dist.errors alone, and is all of ner_dist that data_prep needs to know about text. No MXNet.
"""
