"""What all commands share: options as dataclasses, complaints in one sentence, text tables, shell completion.

Imports foreign alone.
"""
