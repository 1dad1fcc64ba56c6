"""An address -> pyarrow's file system for its store and the path in it, with what the environment says of the store."""

from __future__ import annotations

import contextlib
import datetime
import functools
import os
from typing import Any
from urllib.parse import urlsplit

from ner_dist.foreign.names import shortened
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.attempts import store_timeout_s

# Stores whose objects appear when they are complete. With the others, an object is built under another name.
PUBLISH_WHOLE = ("s3", "gs")


def store_folder() -> str | None:
    """The local folder that stands for all stores, to try things out without one: SCHEME/BUCKET/KEY lies below it."""
    return os.environ.get("NER_STORE_FOLDER") or None


def publishes_whole(address: Address) -> bool:
    return address.scheme in PUBLISH_WHOLE and store_folder() is None


def opened(address: Address, offset: int = 0) -> Any:
    """A stream of the object's bytes from an offset."""
    system, path = connect(address)
    if address.scheme != "gs" or store_folder() is not None:
        stream = system.open_input_file(path)
        stream.seek(offset)
        return stream
    # Google's client keeps all other threads waiting in the first read of a file, but not in that of a stream.
    # As it is, also what is called .gz.
    stream = system.open_input_stream(path, compression=None)
    while offset and (skipped := stream.read(min(offset, 1 << 22))):
        offset -= len(skipped)
    return stream


def has_folders(address: Address) -> bool:
    """Whether an object can only be made in a folder that is there."""
    return address.scheme == "hdfs" or store_folder() is not None


def connect(address: Address) -> tuple[Any, str]:
    """A pyarrow.fs.FileSystem and a path in it. Raises StoreError if the environment lacks or misstates something."""
    if (folder := store_folder()) is not None:
        from pyarrow.fs import LocalFileSystem

        place = "/".join((os.path.abspath(folder), address.scheme, address.bucket, address.key))
        return LocalFileSystem(), place.rstrip("/")
    # A client must not be used on the other side of a fork.
    system = _file_system(address.scheme, address.bucket, os.getpid(), store_timeout_s(), _environment())
    return system, f"/{address.key}" if address.scheme == "hdfs" else f"{address.bucket}/{address.key}".rstrip("/")


def _environment() -> tuple[tuple[str, str], ...]:
    prefixes = ("AWS_", "STORAGE_EMULATOR_HOST", "GOOGLE_", "AZURE_", "HADOOP_", "CLASSPATH")
    return tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith(prefixes)))


@functools.lru_cache(maxsize=16)
def _file_system(
    scheme: str, bucket: str, process: int, timeout_s: float, settings: tuple[tuple[str, str], ...]
) -> Any:
    """settings: what the environment says, so that a changed one makes another client."""
    return {"s3": _s3, "gs": _gcs, "az": _azure, "hdfs": _hdfs}[scheme](bucket, timeout_s, dict(settings))


def _s3(bucket: str, timeout_s: float, settings: dict[str, str]) -> Any:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem, resolve_s3_region

    options: dict[str, Any] = {}
    if endpoint := settings.get("AWS_ENDPOINT_URL_S3") or settings.get("AWS_ENDPOINT_URL"):
        options["scheme"], options["endpoint_override"] = _endpoint("AWS_ENDPOINT_URL", endpoint)
    region = settings.get("AWS_REGION") or settings.get("AWS_DEFAULT_REGION")
    if region or endpoint:
        options["region"] = region or "us-east-1"
    else:
        # If it is not told, the client has a rule of its own.
        with contextlib.suppress(OSError):
            options["region"] = resolve_s3_region(bucket)
    return S3FileSystem(
        request_timeout=timeout_s,
        connect_timeout=min(timeout_s, 10),
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=2),
        **options,
    )


def _gcs(bucket: str, timeout_s: float, settings: dict[str, str]) -> Any:
    from pyarrow.fs import GcsFileSystem

    options: dict[str, Any] = {"retry_time_limit": datetime.timedelta(seconds=max(1, timeout_s / 2))}
    if endpoint := settings.get("STORAGE_EMULATOR_HOST"):
        options["scheme"], options["endpoint_override"] = _endpoint("STORAGE_EMULATOR_HOST", endpoint)
        options["anonymous"] = True
    return GcsFileSystem(**options)


def _azure(bucket: str, timeout_s: float, settings: dict[str, str]) -> Any:
    from pyarrow.fs import AzureFileSystem

    given = _connection_string(settings.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    account = given.get("AccountName") or settings.get("AZURE_STORAGE_ACCOUNT")
    if not account:
        raise StoreError(
            f"az://{bucket}: the environment names no storage account; set AZURE_STORAGE_ACCOUNT, or "
            "AZURE_STORAGE_CONNECTION_STRING"
        )
    options: dict[str, Any] = {}
    if key := given.get("AccountKey") or settings.get("AZURE_STORAGE_KEY"):
        options["account_key"] = key
    elif token := given.get("SharedAccessSignature") or settings.get("AZURE_STORAGE_SAS_TOKEN"):
        options["sas_token"] = token
    if endpoint := given.get("BlobEndpoint"):
        scheme, authority = _endpoint("AZURE_STORAGE_CONNECTION_STRING", endpoint)
        options.update(blob_storage_authority=authority, blob_storage_scheme=scheme)
        options.update(dfs_storage_authority=authority, dfs_storage_scheme=scheme)
    return AzureFileSystem(account, **options)


def _connection_string(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(";") if "=" in part)


def _hdfs(bucket: str, timeout_s: float, settings: dict[str, str]) -> Any:
    from pyarrow.fs import HadoopFileSystem

    host, _, port = bucket.partition(":")
    try:
        return HadoopFileSystem(host, int(port or 8020))
    except OSError as error:
        raise StoreError(
            f"hdfs://{bucket}: no connection to the name node ({' '.join(str(error).split())}); HDFS needs Java and "
            "Hadoop's libraries: JAVA_HOME, HADOOP_HOME and CLASSPATH (hadoop classpath --glob)"
        ) from error


def _endpoint(name: str, text: str) -> tuple[str, str]:
    """Scheme, and host with port."""
    parts = urlsplit(text if "//" in text else f"http://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StoreError(f"the environment variable {name} is {shortened(text)}, expected http://HOST:PORT")
    return parts.scheme, parts.netloc
