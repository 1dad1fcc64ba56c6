"""The training loop, and what changes in a step: objective, gradient exchange, optimizer, embedding table.

Imports evaluation and what it imports. Nothing but ner_dist.train imports training.
"""
