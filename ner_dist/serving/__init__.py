"""A tagger as an HTTP service: requests that arrive together are tagged together; `python -m ner_dist.serve`."""
