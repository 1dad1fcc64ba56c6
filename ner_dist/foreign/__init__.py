"""The one way to read files that a stranger may have made or a disk may have damaged: names, JSON, YAML, arrays.

Imports ner_dist.errors alone. Nothing here allocates, follows or opens what a file merely claims to be there.
"""
