"""`check --suspects`: taggers are trained on parts of a corpus, and say where the rest is probably annotated wrongly.

May import passes, annotation, writers, sentences, sources and settings; trains and scores by commands of ner_dist, and
reads what they write.
"""
