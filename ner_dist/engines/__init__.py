"""Where tasks run, of preparation and of predict: in this process, in others of this machine, or on a cluster's engine.

executor.py says what an engine is, choose_engine.py opens the one that the user named, and work_folder.py keeps what is
finished for the same command. Imports cli, atomic_file and errors; data_prep may import it.
"""
