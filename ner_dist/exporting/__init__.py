"""A trained tagger as files that run without MXNet: see description.py for what is in them."""
