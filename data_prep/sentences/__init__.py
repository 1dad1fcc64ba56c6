"""What readers make and passes read: records, blocks of sentences, and the ids of their strings.

May import data_prep's problems.
"""
