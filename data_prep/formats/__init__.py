"""One file for each corpus format, a table of them, and what readers and writers share.

Imports data_prep's settings, problems and threads, and ner_dist.contract.
"""
