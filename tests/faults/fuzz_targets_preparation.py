"""Fuzz targets: everything that preparation reads, and the texts that predict reads. Each is a function of bytes.

What is wrong with an input is reported or raised as UserError; nothing else may come of it.
"""

from __future__ import annotations

import functools
import io
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import column_samples
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import record_samples

from data_prep.encoders.lexicon_files import read_entries
from data_prep.encoders.word_vectors import read_vectors
from data_prep.formats.find_sources import expand_splits
from data_prep.formats.read_corpus import read_as, recognise
from data_prep.formats.table import FORMATS
from data_prep.passes.check import check
from data_prep.problems import Problems
from data_prep.sentences.string_ids import CorpusStrings, FeatureStrings, StringIds
from data_prep.settings import Settings
from data_prep.tags.tag_names import read_tag_names
from ner_dist.prediction.document_writer import DocumentWriter
from ner_dist.prediction.documents import Document, document_of_tokens
from ner_dist.prediction.input_formats import FORMATS as INPUT_FORMATS
from ner_dist.prediction.input_formats import InputOptions, read_documents
from ner_dist.prediction.input_lines import portions, read_lines
from ner_dist.prediction.output_formats import FORMATS as OUTPUT_FORMATS
from ner_dist.prediction.output_formats import document_writer
from ner_dist.prediction.read_conll import next_document

_ANN = "T1\tPER 0 3\tAnn\nT2\tLOC 9 13\tRome\nT3\tLOC 0 3;9 13\tAnn Rome\nR1\tin Arg1:T1 Arg2:T2\n#1\tNote T1 x\n"
_COLUMNS = {
    "conll": (column_samples.CHARACTERS, column_samples.TWEETS, column_samples.HEADER, column_samples.NUMBERED),
    "conll2012": (column_samples.CONLL2012,),
    "conllu": (column_samples.CONLLU,),
    "conllup": (column_samples.CONLLUP,),
    "csv": (column_samples.CSV,),
    "csv-sentences": (column_samples.CSV_LISTS, column_samples.CSV_TEXTS),
    "germeval": (column_samples.GERMEVAL,),
    "kaggle": (column_samples.KAGGLE,),
    "multiconer": (column_samples.MULTICONER,),
    "wikiner": (column_samples.WIKINER,),
    "brat": (f"{_ANN}\0{record_samples.TEXT}",),
}
_VECTORS = ("the 0.1 -2 3e-1\nof 1 2 3\n", "2 3\nthe 0.1 -2 3e-1\nnew york 1 2 3\n", "\ufeffa\t1\t2\n\nb  1 2 \r\n")


@functools.cache
def _folder() -> Path:
    work = os.environ.get("FUZZ_WORK")
    return Path(work) if work else Path(tempfile.mkdtemp(prefix="fuzz-preparation-"))


def _file(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


def read(path: Path, **options: Any) -> None:
    """Read a corpus file, in the format that it is said to be in or, without options, whatever it looks like."""
    settings = Settings(on_misaligned="split", on_broken="repair", on_long_sentence="split", **options)
    problems, chosen = Problems(), settings.read_options
    strings = CorpusStrings(StringIds(), StringIds(), FeatureStrings())
    for _, file in expand_splits({"train": [path]}, chosen, problems):
        found = recognise(file, chosen)
        for _ in read_as(found, file, chosen, problems, strings, _cutter(settings), None):
            pass


def _cutter(settings: Settings) -> Any:
    from read_format import _SharedCutter

    return _SharedCutter(settings.tokenizer, settings.language)


def _corpus_target(name: str) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        if name == "brat":
            annotations, _, text = data.partition(b"\0")
            _file("brat.txt", text)
            read(_file("brat.ann", annotations))
        else:
            read(_file(f"corpus-{name}", data), format=name)

    return target


for _name in FORMATS:
    globals()[f"fuzz_corpus_{_name.replace('-', '_')}"] = _corpus_target(_name)


def fuzz_corpus(data: bytes) -> None:
    """The whole of `check`, on a file of any format."""
    path = _file("corpus-of-any", data)
    settings, problems = Settings(), Problems()
    sources = expand_splits({"train": [path]}, settings.read_options, problems)
    check(sources, settings, None, problems)


def fuzz_docbin_content(data: bytes) -> None:
    """What is in the compression, which would seldom survive a change."""
    read(_file("corpus-docbin-content", zlib.compress(data, 1)), format="docbin")


def fuzz_archive(data: bytes) -> None:
    """An archive or a compressed file."""
    read(_file("archive", data), format="conll")


def fuzz_vectors_text(data: bytes) -> None:
    read_vectors(_file("vectors.txt", data), _folder() / "spill", Problems())


def fuzz_vectors_npy(data: bytes) -> None:
    """A matrix of two rows, and the list of their words."""
    matrix, _, words = data.partition(b"\0words\0")
    _file("matrix.words.txt", words)
    read_vectors(_file("matrix.npy", matrix), _folder() / "spill", Problems())


def fuzz_lexicon(data: bytes) -> None:
    read_entries(_file("LOC.txt", data))


def fuzz_tag_names(data: bytes) -> None:
    read_tag_names(str(_file("names", data)))


def _input_target(format_name: str) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        options = InputOptions(_segment, feature_names=("pos",))
        for portion in portions(read_lines(io.BytesIO(data), "file"), format_name, next_document, "file"):
            for document in read_documents(portion, format_name, "file", options):
                for writer in _writers():
                    writer.portion([document])

    return target


@functools.cache
def _writers() -> list[DocumentWriter]:
    return [document_writer(name, ["PER"], "title") for name in OUTPUT_FORMATS]


def _segment(text: str) -> Document:
    words = text.split()
    return document_of_tokens([words] if words else [])


for _name in INPUT_FORMATS:
    globals()[f"fuzz_input_{_name}"] = _input_target(_name)


def _docbins() -> list[bytes]:
    from spacy.tokens import Doc, DocBin
    from spacy.vocab import Vocab

    found = []
    for ends in (["B-PER", "O", "B-LOC", "O"], ["O"] * 4, None):
        document = Doc(Vocab(), words=record_samples.TOKENS, spaces=[True, True, False, False], ents=ends)
        document.user_data["id"] = "a"
        if ends is None:
            document.spans["sc"] = [document[0:1]]
        else:
            document[2].is_sent_start = True
        found.append(DocBin(docs=[document, document], store_user_data=True).to_bytes())
    return found


def _tables() -> list[bytes]:
    tokens = {"id": ["0", "1"], "tokens": [record_samples.TOKENS] * 2, "ner_tags": [record_samples.TAGS] * 2}
    numbers = {"tokens": [record_samples.TOKENS] * 2, "ner_tags": [[1, 0, 2, 0]] * 2}
    classes = {"feature": {"names": ["O", "B-PER", "B-LOC"], "_type": "ClassLabel"}, "_type": "Sequence"}
    named = json.dumps({"info": {"features": {"ner_tags": classes}}})
    texts = {"text": [record_samples.TEXT], "entities": [[{"start": 0, "end": 3, "label": "PER"}]]}
    tables = [pa.table(tokens), pa.table(numbers).replace_schema_metadata({"huggingface": named}), pa.table(texts)]
    found = []
    for table in tables:
        for compression in ("none", "zstd"):
            pq.write_table(table, sink := pa.BufferOutputStream(), compression=compression)
            found.append(sink.getvalue().to_pybytes())
            codec = pa.ipc.IpcWriteOptions(compression=None if compression == "none" else compression)
            for make in (pa.ipc.new_file, pa.ipc.new_stream):
                with make(sink := pa.BufferOutputStream(), table.schema, options=codec) as writer:
                    writer.write_table(table)
                found.append(sink.getvalue().to_pybytes())
    return found


def _archives() -> list[bytes]:
    import bz2
    import gzip
    import lzma
    import tarfile

    text = column_samples.CHARACTERS.encode()
    packed = [gzip.compress(text, mtime=0), bz2.compress(text), lzma.compress(text), pa.compress(text, "zstd", True)]
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(file := io.BytesIO(), "w", method) as archive:
            archive.writestr("a.conll", text)
            archive.writestr("b.conll", text)
        packed.append(file.getvalue())
    for mode, kind in (("w", tarfile.PAX_FORMAT), ("w", tarfile.GNU_FORMAT), ("w:gz", tarfile.PAX_FORMAT)):
        with tarfile.open(fileobj=(file := io.BytesIO()), mode=mode, format=kind) as tar:  # type: ignore[call-overload]
            for name in ("a.conll", f"{'n' * 120}é.conll"):
                member = tarfile.TarInfo(name)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text))
        packed.append(file.getvalue())
    return packed


def _matrices() -> list[bytes]:
    found = []
    for matrix in (np.ones((2, 3), np.float32), np.asfortranarray(np.ones((2, 3))), np.ones((2, 3), ">f4")):
        np.save(file := io.BytesIO(), matrix)
        found.append(file.getvalue() + b"\0words\0the\nof\n")
    return found


def _texts(name: str) -> list[bytes]:
    records = [text for found, text in record_samples.SAMPLES if found == name]
    return [text.encode() for text in (*records, *_COLUMNS.get(name, ()))]


_OF_INPUTS = {
    "text": ["Ann left Rome.\r\n\r\nIt rained.\n", "\ufeffa\rb\n"],
    "lines": ["Ann left Rome.\n\n"],
    "tokens": ["Ann left Rome .\n\n"],
    "conll": [column_samples.CHARACTERS, column_samples.HEADER, column_samples.CONLLU, "-DOCSTART- (1 EU)\n\na O\n"],
    "jsonl": [text for name, text in record_samples.SAMPLES if name == "jsonl" and text[0] == "{"],
}
# The first inputs of each target, or what makes them.
SEEDS: dict[str, Any] = {
    **{f"corpus_{name.replace('-', '_')}": functools.partial(_texts, name) for name in FORMATS},
    "corpus": lambda: [text for name in FORMATS for text in _texts(name)[:3]],
    "corpus_docbin": _docbins,
    "docbin_content": lambda: [zlib.decompress(data) for data in _docbins()],
    "corpus_parquet": _tables,
    "archive": _archives,
    "vectors_text": [text.encode() for text in _VECTORS],
    "vectors_npy": _matrices,
    "lexicon": [b"New York\n# no\n\nRome\n"],
    "tag_names": [b"O\nB-PER\n", b'{"id2label": {"0": "O", "1": "B-PER"}}', b'["O", "B-PER"]', b'{"O": 0, "B": 1}'],
    **{f"input_{name}": [text.encode() for text in texts] for name, texts in _OF_INPUTS.items()},
}
# Those of JSON objects: a field of them is changed as well as bytes.
RECORDS = {f"corpus_{name}" for name in ("gliner", "label_studio", "spacy_json", "doccano", "prodigy", "huggingface")}
