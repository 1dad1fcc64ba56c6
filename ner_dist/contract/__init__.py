"""What preparation and training agree on: shard format, tag schemes, spelling, word look-up, lexicons, mixing hash.

Imports ner_dist.foreign and errors, never MXNet. Besides cli, pages, foreign, errors and atomic_file, it is all that
data_prep may import.
"""
