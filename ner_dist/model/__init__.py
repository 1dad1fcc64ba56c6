"""Batch -> emissions -> tags -> entities: the CNN-BiLSTM, its CRF, and Viterbi decoding.

Imports data, contract and config; knows neither ranks nor files.
"""
