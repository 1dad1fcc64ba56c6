"""What lies in object stores: fetched before it is read, and what is written there, published once it is complete.

May import staging, problems, and of ner_dist stores, cli, contract and foreign.
"""
