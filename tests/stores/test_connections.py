"""What the environment says of a store becomes a client of it, or a sentence about the variable that is wrong."""

from __future__ import annotations

from pathlib import Path

import pyarrow.fs
import pytest

from ner_dist.stores import connections
from ner_dist.stores.addresses import StoreError, parse_address
from ner_dist.stores.connections import connect
from ner_dist.stores.objects import size

ACCOUNT = "AccountName=me;AccountKey=c2VjcmV0;BlobEndpoint=http://127.0.0.1:1/me;"


@pytest.fixture(autouse=True)
def _no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, _ in connections._environment():
        monkeypatch.delenv(name)
    monkeypatch.delenv("NER_STORE_FOLDER", raising=False)


@pytest.mark.parametrize(
    ("address", "variables", "path"),
    [
        ("s3://texts/a", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "texts/a"),
        ("gs://texts/a", {"STORAGE_EMULATOR_HOST": "127.0.0.1:1"}, "texts/a"),
        ("az://texts/a", {"AZURE_STORAGE_CONNECTION_STRING": ACCOUNT}, "texts/a"),
        ("az://texts", {"AZURE_STORAGE_ACCOUNT": "me", "AZURE_STORAGE_KEY": "c2VjcmV0"}, "texts"),
    ],
)
def test_a_client_is_made_once_for_what_the_environment_says(
    address: str, variables: dict[str, str], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    system, found = connect(parse_address(address))
    assert found == path
    assert connect(parse_address(address))[0] is system
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")
    assert connect(parse_address(address))[0] is not system


def test_the_region_is_that_of_the_bucket_unless_the_environment_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(pyarrow.fs, "resolve_s3_region", {"texts": "eu-west-3"}.get)
    assert connect(parse_address("s3://texts/a"))[0].region == "eu-west-3"
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert connect(parse_address("s3://texts/a"))[0].region == "us-west-2"


def test_a_folder_stands_for_all_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NER_STORE_FOLDER", str(tmp_path))
    for scheme in ("s3", "gs", "az", "hdfs"):
        assert connect(parse_address(f"{scheme}://texts/a"))[1] == f"{tmp_path}/{scheme}/texts/a"


@pytest.mark.parametrize(
    ("address", "variables", "found"),
    [
        ("s3://texts/a", {"AWS_ENDPOINT_URL": "ftp://x"}, "AWS_ENDPOINT_URL is 'ftp://x', expected http://HOST:PORT"),
        ("gs://texts/a", {"STORAGE_EMULATOR_HOST": "http://"}, "STORAGE_EMULATOR_HOST"),
        ("az://texts/a", {}, "AZURE_STORAGE_ACCOUNT"),
    ],
)
def test_what_the_environment_lacks_or_misstates_is_named(
    address: str, variables: dict[str, str], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match=found):
        size(parse_address(address))
