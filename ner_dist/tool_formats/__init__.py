"""What a text with its entities is in the formats of other tools, for all that write them: preparation and prediction.

Imports nothing of the project; spaCy and pyarrow are loaded where they are needed.
"""
