"""What to label next: the texts of a pool of which the model is least sure, unlike each other and what it has seen.

`python -m ner_dist.suggesting` is the command. Imports prediction and below, nothing of training.
"""
