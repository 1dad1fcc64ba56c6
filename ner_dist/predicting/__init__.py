"""The command `predict`: one file on the ranks of a job, or many files on an engine, each one to an output of its own.

one_file.py and many_files.py are the two ways. Imports prediction, engines and below, nothing of training.
"""
