"""One job: the training it is for, the horovodrun command that starts its ranks, and what becomes of that.

Imports launch.remote_hosts and ner_dist.
"""
