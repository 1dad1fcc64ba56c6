"""What all commands share: options declared as dataclasses, complaints in one sentence, completion in the shell.

Imports ner_dist.errors alone.
"""
