"""Models as a page: what they score, how certain that is, where they err, what they were trained on.

Imports scoring, evaluation and pages, and what they import.
"""
