"""Addresses: what is one, its parts, and what is refused, with a sentence that says why."""

from __future__ import annotations

import pytest

from ner_dist.stores.addresses import SCHEMES, Address, StoreError, is_address, parse_address


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_address_has_scheme_bucket_and_key_and_is_written_as_it_was(scheme: str) -> None:
    address = parse_address(f"{scheme}://texts/raw/train.conll.gz")
    assert address == Address(scheme, "texts", "raw/train.conll.gz")
    assert str(address) == f"{scheme}://texts/raw/train.conll.gz"


def test_a_folder_is_the_same_with_and_without_a_slash_at_its_end() -> None:
    assert parse_address("s3://texts/raw/") == parse_address("s3://texts/raw")
    assert str(parse_address("s3://texts/")) == "s3://texts"


def test_names_are_added_and_the_last_one_is_told() -> None:
    bucket = parse_address("s3://texts")
    assert str(bucket / "a/b" / "c") == "s3://texts/a/b/c"
    assert ((bucket / "a/b").name, (bucket / "a/b").parent) == ("b", bucket / "a")
    assert (bucket.name, (bucket / "a").parent) == ("texts", bucket)


def test_patterns_and_letters_of_any_language_may_be_in_a_key() -> None:
    assert parse_address("gs://texts/r*w/zürich ?.conll").key == "r*w/zürich ?.conll"


def test_the_name_node_of_hdfs_may_have_a_port() -> None:
    assert parse_address("hdfs://node.example:8020/a").bucket == "node.example:8020"
    with pytest.raises(StoreError, match="not a bucket"):
        parse_address("s3://node.example:8020/a")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("http://a/b", r"http:// is not supported, expected one of s3://, gs://, az://, hdfs://"),
        ("s3a://a/b", r"write s3://"),
        ("S3://a/b", r"write s3://"),
        ("simplecache::s3://a/b", r"not supported"),
        ("s3://", r"'' is not a bucket"),
        ("s3:///a", r"'' is not a bucket"),
        ("s3://a b/c", r"'a b' is not a bucket"),
        ("s3://a/../b", r"'../b' is not a plain name"),
        ("s3://a//b", r"is not a plain name"),
        ("s3://a/b\n", r"is not a plain name"),
        ("raw/a", r"is a path, expected an address"),
    ],
)
def test_other_addresses_are_refused_with_the_option_that_named_them(text: str, found: str) -> None:
    with pytest.raises(StoreError, match=f"^--train: .*{found}"):
        parse_address(text, "--train")


def test_a_secret_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(StoreError, match="read from the environment") as refused:
        parse_address("s3://key:hunter2@bucket/a")
    assert "hunter2" not in str(refused.value)


def test_paths_are_no_addresses() -> None:
    assert not any(is_address(path) for path in ("a/b", "C:/a", "s3:", "s3:/a", "./s3://a"))
    assert is_address("s3://a")
    assert is_address("ftp://a")
