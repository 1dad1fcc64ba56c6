"""Distributed training of a CNN-BiLSTM named-entity tagger on MXNet and Horovod."""

__version__ = "0.1.0"
