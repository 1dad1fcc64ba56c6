"""Shards in an object store, as the checks of shards see them: what is there, how large it is, how fast it comes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from launch.doctor.finding import Finding, fail, ok, quoted, warn
from ner_dist.stores.addresses import StoreError, parse_address
from ner_dist.stores.cache_room import cache_folder, most_bytes
from ner_dist.stores.mirror import local_or_mirror, publication
from ner_dist.stores.objects import download, list_objects

# By scheme: what says to a store who asks.
_CREDENTIALS = {
    "s3": "export AWS_ACCESS_KEY_ID=KEY AWS_SECRET_ACCESS_KEY=SECRET   # and AWS_ENDPOINT_URL, if it is not Amazon's",
    "gs": "export GOOGLE_APPLICATION_CREDENTIALS=FILE",
    "az": "export AZURE_STORAGE_ACCOUNT=NAME AZURE_STORAGE_KEY=KEY",
    "hdfs": 'export JAVA_HOME=DIR HADOOP_HOME=DIR CLASSPATH="$(hadoop classpath --glob)"',
}
# A first start may wait so long; for less, it does not matter how fast a store is.
_LONG_S = 10


def folder_of(place: str) -> Path:
    """A local folder with the set's index. Raises StoreError."""
    return local_or_mirror(place, ("index.json",))


def sizes(place: str) -> dict[str, int]:
    """What the store holds of the set, in bytes. Raises StoreError."""
    return dict(list_objects(parse_address(publication(folder_of(place)))))


def repair(place: str, problem: str, num_shards: int) -> list[str]:
    """What to do if there is no complete set at the address, or if the store does not give it."""
    if problem.startswith("cannot be read"):
        again = f"python -m launch doctor --only shards --shards {quoted(place)}"
        return [_CREDENTIALS[parse_address(place).scheme], again]
    number = max(num_shards, 8)
    return [f"python -m data_prep build --train PATH --out {quoted(place)} --num-shards {number}   # PATH: your corpus"]


def room(place: str, num_bytes: int) -> Finding | None:
    """What is wrong if the files, all of which may be read on this machine, do not fit into the cache."""
    limit = most_bytes()
    if num_bytes <= limit:
        return None
    found = f"the {num_bytes / 1e9:,.1f} GB of {place} do not fit into the {limit / 1e9:g} GB of the cache"
    return warn(f"{found} {cache_folder()}", f"export NER_CACHE_GB={int(num_bytes / 0.8e9) + 1}")


def transfer(
    place: str, files: Mapping[str, int], most: int, slow: float, clock: Callable[[], float] = time.perf_counter
) -> Finding:
    """How fast files come from the store: some of up to `most` bytes, together as many. slow: bytes per second."""
    fitting = sorted((name for name in files if files[name] <= most), key=lambda name: -files[name])
    num_bytes = 0
    try:
        at = parse_address(publication(folder_of(place)))
        begin_s = clock()
        with tempfile.TemporaryDirectory() as folder:
            for name in fitting or [min(files, key=files.__getitem__)]:
                download(at / name, Path(folder, "file"))
                num_bytes += files[name]
                if num_bytes >= most:
                    break
        rate = num_bytes / max(clock() - begin_s, 1e-9)
    except StoreError as error:
        return fail(str(error), _CREDENTIALS[parse_address(place).scheme])
    rate_text = f"{place}: {rate / 1e6:,.1f} MB/s from the store"
    whole_s = sum(files.values()) / max(rate, 1e-9)
    if rate < slow and whole_s > _LONG_S:
        found = f"{rate_text}: the first start waits about {whole_s:,.0f} s for all; what has come stays in the cache"
        return warn(found, "# use a machine nearer to the store, or copy the shards to a disk of this one")
    return ok(rate_text)
