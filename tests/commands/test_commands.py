"""The commands of data_prep as a user meets them: exit codes, messages, and nothing left behind by mistakes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from data_prep.__main__ import main
from data_prep.commands.table import command_line
from data_prep.synthesis.synth import synthesise

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return synthesise(300, 7, tmp_path_factory.mktemp("synth"))


@pytest.fixture(scope="module")
def shards(corpus: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shards") / "out"
    assert main(["build", *(f"--{split}={path}" for split, path in corpus.items()), f"--out={out}"]) == 0
    return out


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("command", ["build", "check", "stats", "convert", "synth", "fetch", "inspect"])
def test_help_explains_every_option_and_gives_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, text, _ = run(capsys, command, "--help")
    assert code == 0
    assert f"Example: python -m data_prep {command} " in " ".join(text.split())
    commands = next(action for action in command_line()._actions if action.dest == "command")
    assert commands.choices is not None
    for action in commands.choices[command]._actions:  # type: ignore[call-overload]
        assert action.help, action.dest


def test_the_commands_work_as_the_help_shows_them(tmp_path: Path) -> None:
    for line in (
        "synth --sentences 200 --seed 1 --out synth",
        "check --train synth/train.conll --dev synth/dev.conll",
        "stats --train synth/train.conll --dev synth/dev.conll",
        "convert synth/dev.conll dev.jsonl.gz --scheme bioes",
        "build --train synth/train.conll --out shards --num-shards 2",
        "inspect shards --split dev --limit 1",
        "inspect shards --type LOC --context 2 --limit 1",
        "stats shards",
        "convert shards dev.conll --split dev",
    ):
        finished = subprocess.run(
            [sys.executable, "-m", "data_prep", *line.split()],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        assert "Traceback" not in finished.stderr


def test_data_prep_needs_neither_mxnet_nor_horovod() -> None:
    code = (
        # None makes an import of them fail.
        "import sys; sys.modules.update(mxnet=None, horovod=None)\nimport data_prep.__main__; print('fine')"
    )
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout == "fine\n"


def two_files(folder: Path, text: str) -> list[object]:
    """Options for train and dev, files of the same text."""
    for split in ("train", "dev"):
        (folder / split).write_text(text)
    return ["--train", folder / "train", "--dev", folder / "dev"]


MISTAKES = [
    (["--train", "{absent}"], "no such file"),
    (["--train", "{empty}"], "the file is empty"),
    (["--train", "{prose}"], "the format cannot be recognised"),
    (["--train", "{corpus}", "--format", "kaggle"], "the header lacks a column of the token and of the tag"),
    (["--train", "{corpus}", "--format", "jsonl"], ":1: error: not JSON"),
    (["--train", "{corpus}", "--tag-column", "1", "--format", "conll"], "is neither O nor"),
    (["--train", "{corpus}", "--scheme", "bilou"], "breaks bilou"),
    (["--train", "{corpus}", "--encoding", "klingon"], "--encoding klingon is not an encoding"),
    (["--train", "{corpus}", "--split", "0.5,0.6"], "add up to 1"),
    (["--train", "{corpus}", "--split", "1"], "two or three positive fractions"),
    (["--train", "{corpus}", "--num-shards", "0"], "--num-shards must be at least 1"),
    (["--train", "{corpus}", "--num-shards", "9999"], "--num-shards must be at most 512"),
    (["--train", "{corpus}", "--num-shards", "500"], "--num-shards 500 is more than the 192 sentences of train"),
    (["--train", "{corpus}", "--max-tokens", "5"], "more than --max-tokens 5"),
    (["--train", "{corpus}", "--max-chars", "1"], "--max-chars must lie between 2 and 65535"),
    (["--train", "{corpus}", "--max-chars", "3"], "more than --max-chars 3"),
    (["--train", "{corpus}", "--min-count", "-1"], "--min-count must be at least 1"),
    (["--train", "{corpus}", "--max-words", "0"], "--max-words must be at least 1, not 0"),
    (["--train", "{corpus}", "--seed", "-1"], "--seed must lie between"),
    (["--train", "{corpus}", "--num-buckets", "x"], "invalid int value: 'x'"),
    (["--train", "{corpus}", "--split", "a,b"], "invalid list of fractions value: 'a,b'"),
    (["--train", "{corpus}", "--pos-column", "x"], "invalid column value: 'x'"),
    ([], "name a corpus with --train FILE"),
    (["--test", "{corpus}"], "name a corpus with --train FILE"),
    (["--like", "{absent}", "--test", "{corpus}"], "absent: does not exist; expected the directory of a run"),
    (["--like", "{absent}"], "name the files of a split with --train, --dev or --test"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_every_mistake_is_a_clear_sentence_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], corpus: dict[str, Path], tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "prose").write_text("Once upon a time\n")
    before = sorted(tmp_path.iterdir())
    names = {name: tmp_path / name for name in ("absent", "empty", "prose")}
    filled = [argument.format(corpus=corpus["train"], **names) for argument in arguments]
    code, out, err = run(capsys, "build", *filled, "--out", tmp_path / "out")
    assert code in (1, 2)
    assert message in err
    assert "Traceback" not in err
    assert out == ""
    assert sorted(tmp_path.iterdir()) == before


def test_an_output_that_cannot_be_made_is_a_clear_sentence(
    capsys: pytest.CaptureFixture[str], corpus: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    code, _, err = run(capsys, "build", "--train", corpus["train"], "--out", tmp_path / "file" / "out")
    assert (code, err.count("\n")) == (1, 1)
    assert str(tmp_path / "file") in err


def test_check_exits_1_on_errors_and_0_on_warnings(
    capsys: pytest.CaptureFixture[str], corpus: dict[str, Path], tmp_path: Path
) -> None:
    sources = [f"--{split}={path}" for split, path in corpus.items()]
    code, out, _ = run(capsys, "check", *sources)
    assert (code, "no errors" in out or "0 errors" in out) == (0, True)
    broken, dev = tmp_path / "broken", tmp_path / "dev"
    for path in (broken, dev):
        path.write_text("a O\nb I-X\n\n" + "c B-X\n\n" * 9)
    code, out, err = run(capsys, "check", "--train", broken, "--dev", dev, "--num-shards", "1")
    assert code == 1
    assert err.startswith(f"{broken}:2: error: tag 'I-X' after 'O' breaks bio")
    assert "2 errors" in out


def test_build_shows_what_it_did_and_what_was_unusual(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    sources = two_files(tmp_path, "in O\nParis B-LOC\n\nin O\nParis B-LOC\n")
    code, out, err = run(capsys, "build", *sources, "--num-shards", 1, "--out", tmp_path / "out")
    assert code == 0
    assert "dev: warning: 2 of 2 sentences also occur in train" in err
    assert "dev sentences in train: 2" in out
    assert re.search(r"8 tokens in \d+\.\d s, [\d,]+ tokens/s", out)


def test_inspect_describes_a_verified_set(capsys: pytest.CaptureFixture[str], shards: Path) -> None:
    code, out, _ = run(capsys, "inspect", shards)
    assert code == 0
    assert "24 shards" in out
    assert "every checksum as in the index" in out
    assert "vocabularies: word " in out
    assert "source of test: test.conll" in out


def test_inspect_shows_sentences_with_a_token(
    capsys: pytest.CaptureFixture[str], corpus: dict[str, Path], shards: Path
) -> None:
    expected = [
        [line.split(" ")[0] for line in text.split("\n")] for text in corpus["train"].read_text().strip().split("\n\n")
    ]
    with_the = [(i, tokens) for i, tokens in enumerate(expected) if "the" in tokens][:3]
    code, out, _ = run(capsys, "inspect", shards, "--split", "train", "--grep", "the", "--limit", 3)
    blocks = out.strip().split("\n\n")
    assert code == 0
    assert [block.split("\n")[0] for block in blocks] == [f"# train sentence {i}" for i, _ in with_the]
    assert [[line.split()[0] for line in block.split("\n")[1:]] for block in blocks] == [
        tokens for _, tokens in with_the
    ]
    assert run(capsys, "inspect", shards, "--grep", "xyzzy")[1] == "no sentence of train contains 'xyzzy'\n"


def test_inspect_shows_places_of_several_words_in_a_row(
    capsys: pytest.CaptureFixture[str], corpus: dict[str, Path], shards: Path
) -> None:
    sentences = [
        [line.split(" ")[0] for line in text.split("\n")] for text in corpus["train"].read_text().strip().split("\n\n")
    ]
    pair = next((one, other) for words in sentences for one, other in zip(words, words[1:]) if one == "of")
    expected = [i for i, words in enumerate(sentences) if pair in zip(words, words[1:])]
    code, out, err = run(capsys, "inspect", shards, "--grep", " ".join(pair), "--context", 0, "--limit", 9999)
    blocks = out.strip().split("\n\n")
    assert (code, err) == (0, "")
    assert [block.split("\n")[0] for block in blocks] == [f"# train sentence {i}" for i in expected]
    for block in blocks:
        shown = [line.split()[0] for line in block.split("\n")[1:] if line != "..."]
        assert shown == list(pair) * (len(shown) // 2)


def test_inspect_shows_entities_of_a_type_and_the_tokens_beside_them(
    capsys: pytest.CaptureFixture[str], shards: Path
) -> None:
    code, out, err = run(capsys, "inspect", shards, "--type", "PER", "--context", 1, "--limit", 3)
    assert code == 0
    assert re.fullmatch(r"3 of \d+ sentences of train that contain an entity of type PER; --limit \d+ shows all\n", err)
    for block in out.strip().split("\n\n"):
        tags = ["..." if line == "..." else line.split()[-1] for line in block.split("\n")[1:]]
        assert any(tag.endswith("-PER") for tag in tags)
        for i, tag in enumerate(tags):
            if tag != "...":
                assert any(near.endswith("-PER") for near in tags[max(0, i - 1) : i + 2])


def test_inspect_finds_words_as_a_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = two_files(tmp_path, "in O\nParis B-LOC\n\nParis B-PER\nsaid O\n\nPARIS B-LOC\n\n")
    assert run(capsys, "build", *sources, "--num-shards", 1, "--out", tmp_path / "out")[0] == 0
    inspect = ["inspect", tmp_path / "out"]
    assert run(capsys, *inspect, "--grep", "Paris", "--type", "PER")[1] == (
        "# train sentence 1\nParis  U-PER\nsaid   O\n\n"
    )
    # Words of two sentences are not in a row.
    assert run(capsys, *inspect, "--grep", "Paris Paris")[1] == "no sentence of train contains 'Paris Paris'\n"
    # What is missing leads to what is there: in another case, another split, another type.
    code, out, err = run(capsys, *inspect, "--split", "dev", "--grep", "paris", "--type", "PER")
    assert (code, out) == (0, "no sentence of dev contains 'paris' in an entity of type PER\n")
    command = f"python -m data_prep inspect {tmp_path / 'out'}"
    assert f"try: {command} --split dev --type PER --grep Paris   (1 time)\n" in err
    code, out, err = run(capsys, *inspect, "--grep", "said", "--type", "LOC")
    assert (out, err.splitlines()[0]) == (
        "no sentence of train contains 'said' in an entity of type LOC\n",
        f"try: {command} --split train --grep said   (1 time)",
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--split", "dve", "--type", "PER"], 1, "no split 'dve'; the set holds train, dev, test; try: "),
        (["--split", "dve", "--type", "PER"], 1, "--type PER --split dev\n"),
        (["--type", "per"], 1, "no entity type 'per'; the set holds "),
        (["--type", "per"], 1, "--type PER\n"),
        (["--context", "1"], 1, "--context applies to what --grep or --type finds"),
        (["--grep", " "], 1, "--grep is empty"),
        (["--limit", "0"], 2, "argument --limit: 0 is out of range; expected 1 or more"),
        (["--grep", "a", "--context", "-1"], 2, "argument --context: -1 is out of range; expected 0 or more"),
    ],
)
def test_inspect_suggests_what_to_type_instead(
    capsys: pytest.CaptureFixture[str], shards: Path, arguments: list[str], code: int, message: str
) -> None:
    found, out, err = run(capsys, "inspect", shards, *arguments)
    assert (found, out) == (code, "")
    assert message in err


def test_inspect_of_a_corpus_names_the_command_for_it(
    capsys: pytest.CaptureFixture[str], corpus: dict[str, Path]
) -> None:
    code, _, err = run(capsys, "inspect", corpus["dev"])
    assert (code, f"python -m data_prep stats {corpus['dev']}" in err) == (1, True)


def test_inspect_colours_entities_only_on_a_terminal(
    capsys: pytest.CaptureFixture[str], shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["inspect", shards, "--type", "PER", "--limit", 1]
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain = run(capsys, *arguments)[1]
    assert "\x1b" not in plain
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    coloured = run(capsys, *arguments)[1]
    assert re.search(r"\x1b\[1;38;5;\d+m[BU]-PER\x1b\[0m", coloured)
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert run(capsys, *arguments)[1] == plain


def test_inspect_names_damage(capsys: pytest.CaptureFixture[str], corpus: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(capsys, "build", "--train", corpus["train"], "--num-shards", 2, "--out", out)[0] == 0
    assert "no split 'eval'" in run(capsys, "inspect", out, "--split", "eval")[2]
    shard = out / "dev-00001.parquet"
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    code, _, err = run(capsys, "inspect", out)
    assert (code, "dev-00001.parquet: checksum" in err) == (1, True)
    shard.unlink()
    assert "dev-00001.parquet: listed in index.json but missing" in run(capsys, "inspect", out)[2]
    code, _, err = run(capsys, "inspect", tmp_path / "nowhere")
    assert (code, "does not exist" in err) == (1, True)


def test_synth_reports_what_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, "synth", "--sentences", 3, "--out", tmp_path / "out")
    assert (code, err) == (1, "--sentences must be at least 10, one of which goes to dev, not 3\n")
