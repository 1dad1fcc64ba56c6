"""A model, run or export, opened on its own shards or on any annotated files, and what scoring it gives.

Imports evaluation, prediction, and what they import; nothing of training, and never data_prep, which it runs as a command.
"""
