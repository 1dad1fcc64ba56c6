"""The commands: a file for each, a dataclass of its options with a method `run`; all of them stand in table.py.

May import everything of data_prep, and ner_dist's cli, contract, engines, stores, atomic_file and errors.
"""
