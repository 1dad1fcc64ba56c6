"""What preparation and training agree on: shard format, tag schemes, spelling, word look-up, lexicons, mixing hash.

Imports ner_dist.errors alone, never MXNet. Besides cli, pages, errors and atomic_file, it is all data_prep may import.
"""
