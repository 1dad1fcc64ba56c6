# PYTHON_ARGCOMPLETE_OK
"""Find entities in text: python -m ner_dist.predict RUN [FILE | -] [--to jsonl|conll|inline|html] [--out FILE]."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from tqdm import tqdm

from ner_dist.atomic_file import whole_file
from ner_dist.cli.shell_completion import complete
from ner_dist.errors import UserError
from ner_dist.prediction import input_formats, output_formats
from ner_dist.prediction.tagger import Tagger
from ner_dist.ranks.rank_process import run_alone, run_rank

_EXAMPLES = """examples:
  echo "Angela Merkel visited Paris." | python -m ner_dist.predict runs/mine --to inline
  python -m ner_dist.predict runs/mine article.txt --out article.html
  horovodrun -np 4 python -m ner_dist.predict runs/mine corpus.jsonl --out tagged.jsonl"""


class _Tagged(NamedTuple):
    """A portion of the input, done."""

    text: str
    num_sentences: int
    num_tokens: int
    num_entities: int


def main(argv: list[str] | None = None) -> None:
    parser = _parser()
    complete(parser)
    arguments = parser.parse_args(argv)
    arguments.file = None if str(arguments.file) == "-" else arguments.file
    if arguments.file is None and arguments.form == "auto" and sys.stdin.isatty():
        print("type text; Ctrl-D ends it", file=sys.stderr)
    # One process alone needs no Horovod, and with an exported model no MXNet.
    if "HOROVOD_SIZE" in os.environ:
        run_rank(lambda comm: _predict(arguments, comm))
    else:
        run_alone(lambda: _predict(arguments, None))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ner_dist.predict",
        description="Find entities in text with a trained run or an exported model, in one process or on every rank "
        "of horovodrun; the order of the input is kept.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="directory of a run, or of a model that was exported")
    parser.add_argument(
        "file", type=Path, metavar="FILE", nargs="?", help="input, UTF-8, also .gz; - or none: standard input"
    )
    parser.add_argument(
        "--from",
        dest="form",
        choices=("auto", *input_formats.FORMATS),
        default="auto",
        help="text: prose, with blank lines between paragraphs; lines: a text of its own each line; tokens: a sentence "
        "a line, tokens parted by spaces; conll: a token a line in columns, a blank line after a sentence; jsonl: "
        '{"text": ...} or {"tokens": [...], "pos": [...]} a line; auto: by the name of the file, else text (auto)',
    )
    parser.add_argument(
        "--to",
        choices=("auto", *output_formats.FORMATS),
        default="auto",
        help="jsonl: entities with places in characters, type and confidence; conll: a token and its BIO tag a line; "
        "inline: the text with <TYPE>...</TYPE>; html: a page of coloured entities; auto: by the name of --out, else "
        "jsonl (auto)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where to write, whole or not at all (standard output)"
    )
    parser.add_argument("--language", default="en", help="of raw text, by spaCy's code, to part it into tokens (en)")
    parser.add_argument("--token-column", type=int, default=0, metavar="N", help="conll: column of the token (0)")
    parser.add_argument(
        "--pos-column", type=int, metavar="N", help="conll: column of the part of speech, if it matters"
    )
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best", help="of a run (best)")
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto", help="where to compute (auto)")
    return parser


def _predict(arguments: argparse.Namespace, comm: Any) -> None:
    """On every rank: read all, tag one portion in num_ranks, and let rank 0 write them in order."""
    rank, num_ranks = (comm.rank, comm.num_ranks) if comm is not None else (0, 1)
    if num_ranks > 1 and arguments.file is None:
        raise UserError("several ranks cannot share standard input; name a FILE, or start one process")
    began_s = time.perf_counter()

    def prepare() -> tuple[Tagger, output_formats.Writer]:
        tagger = Tagger.load(
            arguments.run, language=arguments.language, checkpoint=arguments.checkpoint, device=arguments.device
        )
        form = output_formats.format_of(arguments.out, arguments.to)
        return tagger, output_formats.writer(
            form, tagger.entity_types, arguments.file.name if arguments.file else "entities"
        )

    tagger, writer = _everywhere(comm, prepare)
    totals = [0, 0, 0]
    with _output(arguments.out if rank == 0 else None, rank == 0) as out:
        out.write(writer.head())
        for done in _rounds(arguments, comm, rank, num_ranks, tagger, writer):
            out.write(done.text)
            totals = [total + more for total, more in zip(totals, done[1:])]
        out.write(writer.end())
    if rank == 0:
        seconds = time.perf_counter() - began_s
        sentences, tokens, entities = totals
        print(
            f"{sentences:,} sentences, {tokens:,} tokens, {entities:,} entities in {seconds:.1f} s, "
            f"{tokens / seconds:,.0f} tokens/s",
            file=sys.stderr,
        )


def _rounds(
    arguments: argparse.Namespace, comm: Any, rank: int, num_ranks: int, tagger: Tagger, writer: output_formats.Writer
) -> Iterator[_Tagged]:
    """What the ranks have tagged, in the order of the input; each tags a portion a round."""
    form = input_formats.format_of(arguments.file, arguments.form)
    name = str(arguments.file or "standard input")
    with input_formats.open_input(arguments.file) as file, _progress(file, arguments.file, rank) as lines_of:
        portions = input_formats.portions(lines_of(input_formats.read_lines(file, name)), form)
        while True:

            def tag_mine() -> _Tagged | None:
                # Every rank takes as many; only its own is kept.
                portion = list(itertools.islice(portions, num_ranks))[rank : rank + 1]
                return _tag(portion[0], form, name, tagger, writer, arguments) if portion else None

            mine = _everywhere(comm, tag_mine)
            done = [mine] if comm is None else comm.gather_objects(mine)
            yield from (part for part in done if part is not None)
            # The last round may be short: whoever got nothing knows that nothing is left.
            if done[-1] is None:
                return


def _tag(
    portion: list[input_formats.Line],
    form: str,
    name: str,
    tagger: Tagger,
    writer: output_formats.Writer,
    arguments: argparse.Namespace,
) -> _Tagged:
    layout = input_formats.Layout(arguments.token_column, arguments.pos_column)
    documents = input_formats.read_documents(portion, form, name, tagger.document, layout)
    texts, num_sentences, num_tokens, num_entities = [], 0, 0, 0
    for document in tagger.stream(documents):
        texts.append(writer.document(document))
        num_sentences += len(document.sentences)
        num_tokens += sum(len(sentence.tokens) for sentence in document.sentences)
        num_entities += len(document.entities)
    return _Tagged("".join(texts), num_sentences, num_tokens, num_entities)


def _everywhere(comm: Any, action: Any) -> Any:
    """What the action gives on this rank; if it fails on any, all of them end."""
    if comm is None:
        return action()
    from ner_dist.ranks.comm import on_every_rank

    return on_every_rank(comm, action)


@contextmanager
def _output(path: Path | None, writes: bool) -> Iterator[TextIO]:
    """The file, there only once it is whole; standard output without a path; nothing on other ranks."""
    if path is None:
        # UTF-8 whatever the terminal says of itself, and the text's own ends of lines.
        stream = sys.stdout.fileno() if writes else os.open(os.devnull, os.O_WRONLY)
        with open(stream, "w", encoding="utf-8", newline="", closefd=not writes) as file:
            yield file
        return
    with whole_file(path) as file:
        yield file


@contextmanager
def _progress(file: Any, path: Path | None, rank: int) -> Iterator[Any]:
    """A bar of the bytes read, if stderr is a terminal; yields what lines go through."""
    packed = path is not None and path.suffix == ".gz"
    total = path.stat().st_size if path is not None and not packed else None
    # None: only if this is a terminal.
    with tqdm(total=total, unit="B", unit_scale=True, leave=False, disable=None if rank == 0 else True) as bar:

        def counted(lines: Iterator[input_formats.Line]) -> Iterator[input_formats.Line]:
            for line in lines:
                yield line
                bar.update(len(line.text))

        yield counted


if __name__ == "__main__":
    main()
