"""The command `check`, and what `build` shares with it: the files of a corpus, and findings that are written down.

May import data_prep's suspects, passes, formats, remote, sources, prepare_shards, problems and settings, and
ner_dist's cli, stores, atomic_file and errors.
"""
