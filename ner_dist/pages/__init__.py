"""Pages that need no other file: one theme for light and dark, inline SVG figures in its colours, shared templates.

Used by the reports of runs, the statistics of corpora and the pages of entities. Imports nothing else of the project.
"""
