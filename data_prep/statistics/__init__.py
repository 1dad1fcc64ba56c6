"""What a corpus or shard set is made of, as text and as a page with pictures.

Imports formats, passes, inspecting and ner_dist.pages.
"""
