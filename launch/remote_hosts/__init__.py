"""Other hosts: the list of them, commands there, and what must be alike on all of them.

Imports only the standard library and ner_dist.errors, because the doctor uses it.
"""
