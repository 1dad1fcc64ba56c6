"""A model, run or export, opened on its own shards or on any annotated files, and the scores that it gets there.

Imports evaluation, prediction, and what they import; nothing of training, and never data_prep, which runs as a command.
"""
