"""What preparation and training agree on: shard format, tag schemes, spelling, word look-up, lexicons, vocabularies.

Imports ner_dist.stores, foreign, atomic_file and errors, never MXNet. Besides these and cli, engines, pages,
tool_formats and ranks, it is all that data_prep may import.
"""
