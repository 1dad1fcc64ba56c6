"""Which variables of this machine ranks on other hosts get; the others are about this machine and its user."""

from __future__ import annotations

from collections.abc import Iterable

from ner_dist.stores.addresses import is_address

_PREFIXES = (
    *("LC_", "PYTHON", "OMP_", "GOMP_", "KMP_", "MXNET_", "HOROVOD_", "GLOO_", "NCCL_", "NER_"),
    # Of the services of train.track, to which rank 0 connects.
    *("MLFLOW_", "WANDB_", "HTTP_", "HTTPS_", "NO_PROXY", "http_", "https_", "no_proxy"),
)
# How the libraries of object stores find them, with what proves who the user is.
_STORES = ("AWS_", "GOOGLE_", "STORAGE_EMULATOR_HOST", "AZURE_", "HADOOP_", "CLASSPATH")


def passed_variables(environment: dict[str, str], words: Iterable[str]) -> dict[str, str]:
    """Those for ranks. words: arguments of training, and places that its job file names; the stores' variables are
    passed only if an address is among them.
    """
    # An address may have an = in it: s3://bucket/day=2026-11-30/shards.
    uses_stores = any(is_address(word) or is_address(word.partition("=")[2]) for word in words)
    prefixes = (*_PREFIXES, *_STORES) if uses_stores else _PREFIXES
    return {name: value for name, value in environment.items() if name.startswith(prefixes)}
