"""The corpus formats, a file each in the folders, and their table, which says how to add one.

May import remote, sources, cutting, tags, sentences, problems, threads, and ner_dist's engines, stores
and contract.
"""
