"""Batch -> emissions -> tags -> entities: the CNN-BiLSTM, its CRF and Viterbi decoding.

Imports data, contract and config; knows neither ranks nor runs. char_cnn, crf, viterbi and entities need no MXNet.
"""
