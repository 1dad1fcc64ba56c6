"""What preparation and training agree on: shard format, tag schemes, spelling, word look-up, lexicons, vocabularies.

Imports ner_dist.foreign, atomic_file and errors, never MXNet. Besides cli, pages, foreign, errors and atomic_file, it is all that
data_prep may import.
"""
