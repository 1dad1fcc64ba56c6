"""Where the stages of preparation run: in this process, in processes of this machine, or on a cluster's engine.

executor.py says what an engine is, choose_engine.py opens the one that the user named, work_folder.py keeps what is
finished for the same command, and partitions.py cuts large files. May import data_prep's sources, staging and threads,
and ner_dist's atomic_file and errors.
"""
