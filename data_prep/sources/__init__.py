"""The files of a corpus: compressed, in archives, in any encoding -> blocks of text lines.

May import dirt, problems, and ner_dist's stores and contract.
"""
