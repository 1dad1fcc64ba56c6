"""A tagger as an HTTP service: texts that arrive together are tagged together.

Imports prediction and what it imports.
"""
