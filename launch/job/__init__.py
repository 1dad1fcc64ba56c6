"""One job: the training it is for, the horovodrun of our own that starts its ranks, its end, and its restarts.

seats/ has places for ranks in a user's cluster.
Imports launch.remote_hosts and ner_dist.
"""
