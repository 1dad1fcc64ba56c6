"""An address such as s3://bucket/name is never taken for a path, by whatever command, option or function."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_prep.commands.table import command_line
from data_prep.prepare_shards import prepare_shards
from launch.doctor.doctor_command import doctor_parser
from launch.launch_command import read_options
from launch.launch_errors import UsageError
from ner_dist import config
from ner_dist.cli.options import make_parser
from ner_dist.config import ConfigError
from ner_dist.errors import UserError
from ner_dist.evaluate import Options, evaluate_tagger
from ner_dist.export import ExportOptions
from ner_dist.foreign.local_paths import local_path
from ner_dist.predict import PredictOptions
from ner_dist.prediction import Tagger
from ner_dist.reporting.report_options import ReportOptions
from ner_dist.serve import ServeOptions
from ner_dist.suggesting.__main__ import SuggestOptions

ADDRESSES = ["s3://b/x", "gs://b/x", "hdfs://host/x", "http://h/x", "HTTPS://h/x", "file:///x", "simplecache::s3://b/x"]
# All arguments that are paths. A new one must be here, too.
PATHS = {
    "build": {
        *("files.train", "files.dev", "files.test", "out"),
        *("settings.tag_names", "settings.vectors", "settings.lexicon"),
    },
    "convert": {"source", "out"},
    "stats": {"source", "files.train", "files.dev", "files.test", "out"},
    "inspect": {"directory"},
    "synth": {"out"},
    "fetch": {"out"},
    "evaluate": {"model", "gold", "shards", "conll", "json", "sentences"},
    "export": {"run", "onnx"},
    "predict": {"run", "file", "out"},
    "serve": {"models"},
    "report": {"models", "gold", "out", "shards"},
    "suggest": {"model", "pool", "out", "train"},
    "doctor": {"hosts", "shards", "run"},
}


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """All parsers but those of training and of launchers, by command."""
    (commands,) = (action for action in command_line()._actions if isinstance(action, argparse._SubParsersAction))
    yield from commands.choices.items()
    kinds = {
        "evaluate": Options,
        "export": ExportOptions,
        "predict": PredictOptions,
        "serve": ServeOptions,
        "report": ReportOptions,
        "suggest": SuggestOptions,
    }
    for name, kind in kinds.items():
        yield name, make_parser(kind, name, usage="", example="")
    yield "doctor", doctor_parser()


# Of these, those that may also be addresses in stores.
IN_STORES = {
    "build": {*PATHS["build"], "like", "findings.name"},
    "check": {
        *("files.train", "files.dev", "files.test", "findings.name"),
        *("settings.tag_names", "settings.vectors", "settings.lexicon"),
    },
    "convert": {"source", "out", "settings.tag_names"},
    "stats": {"source", "files.train", "files.dev", "files.test", "out", "settings.tag_names"},
    "inspect": {"directory"},
    "evaluate": {"model", "gold", "shards", "conll", "json", "sentences"},
    "export": {"run", "onnx"},
    "predict": {"run", "file", "out"},
    "serve": {"models"},
    "report": {"models", "gold", "out", "shards"},
    "suggest": {"model", "pool", "out", "train"},
    "doctor": {"shards"},
}


def refuses(action: argparse.Action, address: str) -> bool:
    if not callable(action.type):
        return False
    try:
        action.type(address)
    except (argparse.ArgumentTypeError, ValueError) as error:
        return f"{address!r} is an address" in str(error) or f"{address!r}: " in str(error)
    return False


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_refused_with_what_to_do(address: str) -> None:
    with pytest.raises(UserError, match=f"^--out: {re.escape(repr(address))} is an address.*expected"):
        local_path(address, "--out")


@pytest.mark.parametrize("path", ["s3:", "s3:/b/x", "a//b", "./s3://b", "C:\\x", "C://x", "-", "", "a.zip/b.conll"])
def test_a_path_is_left_alone(path: str) -> None:
    assert local_path(path) == local_path(Path(path) if path == "s3:" else path) == path


@pytest.mark.parametrize("address", ["s3://b/x", "http://h/x"])
def test_every_option_that_is_a_path_refuses_addresses_that_it_cannot_use(address: str) -> None:
    found = {
        name: {action.dest for action in parser._actions if refuses(action, address)} for name, parser in parsers()
    }
    if address == "s3://b/x":
        for name, destinations in IN_STORES.items():
            assert not destinations & found[name], name
            found[name] |= destinations
    for name, destinations in PATHS.items():
        assert destinations <= found[name], name
    for name, parser in parsers():
        for action in parser._actions:
            words = re.findall("[A-Z]+", str(action.metavar))
            if {"FILE", "DIR", "PATH", "HTML"} & set(words):
                assert action.dest in found[name], (name, action.dest)


def test_a_job_file_is_not_in_a_store() -> None:
    with pytest.raises(ConfigError, match=r"^--config: 'gs://b/x' is an address, and gs:// is not supported"):
        config.parse(["--config", "gs://b/x"])


def test_a_job_file_may_hold_addresses_of_stores(tmp_path: Path) -> None:
    job = tmp_path / "job.yaml"
    job.write_text("data:\n  shards: s3://b/x\n")
    assert config.parse(["--config", str(job)])[0].data.shards == "s3://b/x"
    job.write_text("data:\n  shards: http://b/x\n")
    with pytest.raises(ConfigError, match=r"^--data\.shards: 'http://b/x': http:// is not supported"):
        config.parse(["--config", str(job)])


@pytest.mark.parametrize(
    ("launcher", "option"),
    [("ssh", "hosts"), ("slurm", "out"), ("slurm", "project"), ("slurm", "settings"), ("kubernetes", "out")],
)
def test_launchers_refuse_addresses(launcher: str, option: str) -> None:
    with pytest.raises(UsageError, match=f"^{launcher}: --{option}: 's3://b/x' is an address"):
        read_options(launcher, [f"--{option}", "s3://b/x"])


def test_functions_refuse_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="http:// is not supported"):
        prepare_shards("a.conll", "http://b/x")
    with pytest.raises(UserError, match="http:// is not supported"):
        prepare_shards(["http://b/x", "a.conll"], "out")
    with pytest.raises(UserError, match="http:// is not supported"):
        evaluate_tagger("http://b/x")
    with pytest.raises(UserError, match="http:// is not supported"):
        Tagger.load("http://b/x")
    assert list(tmp_path.iterdir()) == []
