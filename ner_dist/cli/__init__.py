"""What all commands share: options as dataclasses, places, complaints in one sentence, tables, progress, completion.

Imports stores, foreign and errors.
"""
