"""Where the stages of preparation run: in this process, in processes of this machine, or on a cluster's engine.

executor.py says what an engine is, and choose_engine.py opens the one that the user named. May import ner_dist.errors.
"""
