"""The corpus formats, one row each.

To add one:
1. Write NAME.py in a folder of data_prep/formats/ with a `Format` (corpus_format.py): how to recognise and read it.
   tests/formats/test_table.py has a complete one of 40 lines.
2. Add it to FORMATS. `build`, `check`, `stats`, `convert` and their --help take it from there. The formats that
   `convert` writes are in data_prep/writers/table.py.
3. Add a short file in it to tests/record_samples.py or tests/column_samples.py, and to
   docs/reference/corpus-formats.md.
"""

from __future__ import annotations

from data_prep.formats.annotation_tools.brat import BRAT
from data_prep.formats.annotation_tools.docbin import DOCBIN
from data_prep.formats.annotation_tools.doccano import DOCCANO
from data_prep.formats.annotation_tools.gliner import GLINER
from data_prep.formats.annotation_tools.label_studio import LABEL_STUDIO
from data_prep.formats.annotation_tools.prodigy import PRODIGY
from data_prep.formats.annotation_tools.pubtator import PUBTATOR
from data_prep.formats.annotation_tools.spacy_json import SPACY_JSON
from data_prep.formats.annotation_tools.webanno import WEBANNO
from data_prep.formats.arrow.parquet import PARQUET
from data_prep.formats.columns.conll import CONLL
from data_prep.formats.columns.conll2012 import CONLL2012
from data_prep.formats.columns.conllu import CONLLU, CONLLUP
from data_prep.formats.columns.csv_sentences import CSV_SENTENCES
from data_prep.formats.columns.csv_table import CSV, KAGGLE
from data_prep.formats.columns.germeval import GERMEVAL
from data_prep.formats.columns.multiconer import MULTICONER
from data_prep.formats.columns.wikiner import WIKINER
from data_prep.formats.corpus_format import Format
from data_prep.formats.json.huggingface import HUGGINGFACE
from data_prep.formats.json.jsonl import JSONL

# In the order in which they are tried on a file: the least strict of JSON is jsonl, and of all conll, which comes last.
FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        PARQUET,
        DOCBIN,
        BRAT,
        CSV_SENTENCES,
        KAGGLE,
        CSV,
        WEBANNO,
        PUBTATOR,
        LABEL_STUDIO,
        SPACY_JSON,
        GLINER,
        PRODIGY,
        DOCCANO,
        HUGGINGFACE,
        JSONL,
        CONLLUP,
        CONLLU,
        CONLL2012,
        GERMEVAL,
        MULTICONER,
        WIKINER,
        CONLL,
    )
}
NAMES = tuple(FORMATS)


def describe() -> str:
    """The formats with their descriptions, for the help of --format."""
    return "; ".join(f"{row.name}: {row.description}" for row in FORMATS.values())


def describe_encodings() -> str:
    """The encodings assumed without a byte-order mark, for the help of --encoding."""
    others = [f"{row.default_encoding} for {name}" for name, row in FORMATS.items() if row.default_encoding != "utf-8"]
    return ", ".join(["utf-8", *others])
