"""A run as a page: what it scores, how certain that is, where it errs, and what it was trained on.

Imports evaluation and pages, and what they import.
"""
