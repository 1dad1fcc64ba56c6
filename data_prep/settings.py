"""The settings of preparation, each declared once: its default, its meaning, and its command-line option.

Axes used all over data_prep: M tokens of a block of sentences, N its sentences, V distinct token strings.
"""

from __future__ import annotations

import dataclasses
from typing import Literal, Optional, Union

from data_prep.dirt.policies import FAIL, OVERLAP_ORDERS, Policies, policies_of, types_in_order
from data_prep.formats import table
from data_prep.formats.corpus_format import ReadOptions
from data_prep.sources.caps import CAPS, Caps
from data_prep.tags.tag_names import read_tag_names
from ner_dist.cli.options import option
from ner_dist.contract.shard_format import SPLITS, is_feature_name
from ner_dist.contract.tag_schemes import ALL_SCHEMES
from ner_dist.errors import UserError

MAX_CHARS_LIMIT = 65535
MAX_SHARDS = 512

# Headings of the help.
READING, SPLITTING, LENGTHS = "reading a corpus", "splitting", "long sentences and words"
DIRT = "dirty data: fail lists all places and stops; what another policy does is counted in index.json"
VOCABULARY, VECTORS, SHARDS = "vocabulary", "vectors and lexicon", "shards"
LIMITS = "limits on files, against those that would fill the memory or the disk"


class SettingsError(UserError):
    """A setting whose value makes no sense."""


def _column(text: str) -> int | str | None:
    return None if text == "none" else text if text == "auto" else int(text)


def _named(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not (name and equals and column):
        raise ValueError
    return name, column


def _fractions(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


# What argparse calls them in "invalid ... value".
_column.__name__ = "column"
_named.__name__ = "NAME=COLUMN"
_fractions.__name__ = "list of fractions"


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a corpus is read, repaired, split and encoded. All of it goes into index.json.

    Raises SettingsError for a value that makes no sense.
    """

    format: str = option(
        "auto",
        choices=("auto", *table.NAMES),
        help=f"{table.describe()}; auto: recognise it by the content",
        group=READING,
    )
    encoding: Optional[str] = option(
        None,
        help=f"text encoding of the files ({table.describe_encodings()}; a byte-order mark takes precedence)",
        group=READING,
    )
    token_column: Optional[int] = option(None, group=READING)
    """columns: that of the token, counted from 0; a negative number counts from the last column; by default the first
    one that is no number"""
    pos_column: Union[int, str, None] = option("auto", type=_column, group=READING)
    """columns: that of the part of speech, or 'none'; auto: the second one, if it looks like parts of speech"""
    tag_column: Optional[int] = option(None, group=READING)
    """columns: that of the entity tag; by default the last one with tags"""
    feature: tuple[tuple[str, str], ...] = option((), type=_named, metavar="NAME=COLUMN", group=READING)
    """token features, each with an embedding of its own, such as pos=1 dep=3: a name, and a column's number, its name
    in the header, or the name of a list in JSON"""
    columns: tuple[tuple[str, str], ...] = option((), type=_named, metavar="ROLE=COLUMN", group=READING)
    """of files with a header, and of JSON: which column or field is the token, tag, sentence, document, id, text or
    entities, such as token=word tag=labels, where the names do not say it"""
    tag_names: Optional[str] = option(None, metavar="FILE|A,B,C", group=READING, stores=True)
    """names of tags that are integers, in the order of their numbers, separated by commas; or a file with one a line,
    or a JSON list, or an object id2label or label2id"""
    tokenizer: Literal["auto", "rules", "characters", "whitespace"] = option("auto", group=READING)
    """how texts without tokens are cut into sentences and tokens, here and in everything that the trained tagger reads;
    rules: as spaCy's rules for the language; characters: each character is a token, for scripts without spaces; auto:
    characters if most of the first texts' letters are of such scripts, otherwise rules; texts that come with tokens
    keep them with auto, and are cut anew with the others"""
    language: Optional[str] = option(None, metavar="CODE", group=READING)
    """spaCy's code of the texts' language, for --tokenizer rules (default: en)"""
    on_misaligned: Literal["fail", "split", "widen", "drop"] = option("fail", group=READING)
    """entities by characters that do not begin and end at token borders; fail: list them and stop; split: cut the token
    there, in training and in the score over tokens; widen: take whole tokens; drop: leave the entity out; the score
    over characters always counts the entities of the source"""
    scheme: str = option("auto", choices=("auto", *ALL_SCHEMES), group=READING)
    """tag scheme of the files; auto: infer it from their tags, for each file by itself"""
    split: tuple[float, ...] = option(
        (0.8, 0.1, 0.1), type=_fractions, nargs=None, metavar="FRACTIONS", group=SPLITTING
    )
    """fractions for train, dev and test (or train and dev) if --train is the only file; all copies of a sentence go to
    the same split"""
    split_by: Literal["auto", "document", "sentence"] = option("auto", group=SPLITTING)
    """what stays whole if --train is the only file: documents, or sentences; auto: documents if the corpus has 10 or
    more, some of several sentences"""
    seed: int = option(0, group=SPLITTING)
    """seed of --split: which sentences go to which split"""
    on_broken: Literal["fail", "repair"] = option("fail", group=DIRT)
    """tags that violate their scheme; repair: read them as the CoNLL scorer does, and treat gently all dirt of which
    the other options say nothing: --on-undecodable replace, --on-malformed-tag repair, --on-overlap first,
    --on-span-outside clip, and drop for the others"""
    on_undecodable: Optional[Literal["fail", "replace", "drop"]] = option(None, group=DIRT)
    """bytes that are no text in the encoding (default fail); replace: U+FFFD in their place; drop: leave them out"""
    on_malformed_tag: Optional[Literal["fail", "repair", "outside"]] = option(None, group=DIRT)
    """tags that no scheme has, such as OO or B- (default fail); repair: read them as what is most likely meant, which
    each message says; outside: as O"""
    on_blank_token: Optional[Literal["fail", "drop"]] = option(None, group=DIRT)
    """tokens that are empty or only invisible characters, in columns and lists (default fail); drop: leave them out;
    what else is in their entity stays an entity, and a sentence without other tokens is left out, too"""
    on_overlap: Optional[str] = option(None, metavar="fail|longest|first|TYPE,TYPE", group=DIRT)
    """entities that overlap (default fail); longest: keep the longest, of equal ones the one that begins first; first:
    keep the one that begins first, of two that begin together the longer one; TYPE,TYPE: keep the one whose type is
    named earlier, types that are not named come last, among equals as longest does; of two types for the same
    characters, the last resort is the alphabet"""
    on_duplicate_span: Optional[Literal["fail", "drop"]] = option(None, group=DIRT)
    """an entity that is stated more than once, with the same characters and type (default fail); drop: read it once"""
    on_span_outside: Optional[Literal["fail", "clip", "drop"]] = option(None, group=DIRT)
    """entities that leave the text, are empty or only white space (default fail); clip: keep what is in the text, if
    anything is; drop: leave the entity out"""
    on_extra_separator: Optional[Literal["fail", "drop"]] = option(None, group=DIRT)
    """lines or rows that end in tabs or other separators too many (default fail); drop: ignore these"""
    on_invisible_line: Optional[Literal["fail", "drop"]] = option(None, group=DIRT)
    """lines of nothing but U+FEFF or other invisible characters, and U+FEFF at a line's beginning amid a file, as of
    files that were joined (default fail); drop: ignore what cannot be seen; such a line ends no sentence"""
    on_empty_record: Optional[Literal["fail", "drop"]] = option(None, group=DIRT)
    """records without tokens or with an empty text (default fail); drop: leave them out"""
    max_tokens: int = option(512, group=LENGTHS)
    """maximum length of a sentence, in tokens"""
    on_long_sentence: Literal["fail", "split"] = option("fail", group=LENGTHS)
    """split: cut longer sentences, between entities where possible, and count them"""
    max_chars: int = option(128, group=LENGTHS)
    """maximum length of a token, in characters"""
    on_long_word: Literal["fail", "cut"] = option("fail", group=LENGTHS)
    """cut: the character model sees only the first and the last half of --max-chars of a longer token; its word id and
    text are unaffected; such tokens are counted"""
    on_unseen_type: Literal["fail", "keep"] = option("fail", group=SPLITTING)
    """an entity type of dev or test that train lacks; keep: make it a type that is never learned, and count its
    entities"""
    keep_case: bool = option(False, group=VOCABULARY)
    """do not lower-case words for the word vocabulary"""
    keep_digits: bool = option(False, group=VOCABULARY)
    """do not replace each run of digits in words by a single 0"""
    min_count: int = option(2, group=VOCABULARY)
    """words that occur less often in train share the id <unk>"""
    max_words: Optional[int] = option(None, group=VOCABULARY)
    """keep only the N most frequent words of train; the others share the id <unk>; words with a vector are kept, too"""
    min_char_count: int = option(1, group=VOCABULARY)
    """characters that occur less often in train share the <unk-...> of their type"""
    vectors: tuple[str, ...] = option((), metavar="FILE", group=VECTORS, stores=True)
    """pretrained word vectors: text (a word and its numbers per line), or .npy with a word list beside it; also .gz and
    .zip; the vectors of several files are concatenated, with zeros where a file lacks the word"""
    vector_words: Literal["all", "corpus"] = option("all", group=VECTORS)
    """all: words that only the vectors have get ids too, which helps with unseen text; corpus: only words of train, dev
    or test"""
    lexicon: Optional[str] = option(None, metavar="DIR", group=VECTORS, stores=True)
    """folder of entity lists, one TYPE.txt per type with an entry per line; adds a match feature for each type"""
    lexicon_partial: str = option("all", metavar="TYPES", group=VECTORS)
    """types whose entries also match in part, by a beginning or an end of at least half their tokens (and at least two,
    except for PER and PERSON): all, none, or TYPE,TYPE"""
    num_buckets: int = option(32, group=SHARDS)
    """length buckets; more of them mean less padding and smaller buckets"""
    num_shards: int = option(8, group=SHARDS)
    """shards per split: the largest number of ranks that can train on them"""
    max_unpacked_gb: float = option(CAPS.unpacked_gb, group=LIMITS)
    """the most that a compressed file, or all files of an archive together, may hold"""
    max_ratio: float = option(CAPS.ratio, group=LIMITS)
    """how many times its size a file of more than 256 MB unpacked may become"""
    max_files: int = option(CAPS.files, group=LIMITS)
    """files in an archive"""
    max_line_mb: float = option(CAPS.line_mb, group=LIMITS)
    """million characters in a line, or in a record of JSON"""
    max_distinct: int = option(CAPS.distinct, group=LIMITS)
    """different tokens in all files"""

    def __post_init__(self) -> None:
        for name in ("max_tokens", "min_count", "max_words", "min_char_count", "num_buckets", "num_shards"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise SettingsError(f"--{name.replace('_', '-')} must be at least 1, not {getattr(self, name)}")
        for name in LIMIT_SETTINGS:
            if not getattr(self, name) > 0:
                raise SettingsError(f"--{name.replace('_', '-')} must be above 0, not {getattr(self, name)}")
        if not 2 <= self.max_chars <= MAX_CHARS_LIMIT:
            raise SettingsError(f"--max-chars must lie between 2 and {MAX_CHARS_LIMIT}, not {self.max_chars}")
        if self.num_shards > MAX_SHARDS:
            raise SettingsError(f"--num-shards must be at most {MAX_SHARDS}, not {self.num_shards}")
        for name, _ in self.feature:
            if not is_feature_name(name):
                raise SettingsError(f"--feature {name}=...: {name!r} cannot be a feature's name; choose another one")
        if not 0 <= self.seed < 1 << 64:
            raise SettingsError(f"--seed must lie between 0 and 2^64 - 1, not {self.seed}")
        if not 2 <= len(self.split) <= len(SPLITS) or min(self.split) <= 0 or abs(sum(self.split) - 1) > 1e-6:
            raise SettingsError(f"--split must be two or three positive fractions that add up to 1, not {self.split}")
        if self.on_overlap not in (None, FAIL) and not (
            self.on_overlap in OVERLAP_ORDERS or types_in_order(str(self.on_overlap))
        ):
            raise SettingsError("--on-overlap must be fail, longest, first, or types separated by commas")
        if self.encoding is not None:
            try:
                "".encode(self.encoding)
            except LookupError as error:
                raise SettingsError(f"--encoding {self.encoding} is not an encoding known to Python") from error

    @property
    def policies(self) -> Policies:
        """What is done about each kind of dirt, with what --on-broken repair means for those that are not set."""
        given = {name: getattr(self, name) for name in Policies._fields if name != "on_broken"}
        return policies_of(given, self.on_broken)

    @property
    def read_options(self) -> ReadOptions:
        return ReadOptions(
            format=self.format,
            encoding=self.encoding,
            token_column=self.token_column,
            pos_column=self.pos_column,
            tag_column=self.tag_column,
            features=self.feature,
            columns=self.columns,
            tag_names=None if self.tag_names is None else read_tag_names(self.tag_names),
            tokenizer=self.tokenizer,
            language=self.language,
            on_misaligned=self.on_misaligned,
            policies=self.policies,
            max_tokens=self.max_tokens if self.on_long_sentence == "split" else None,
            caps=self.caps,
        )

    @property
    def caps(self) -> Caps:
        return Caps(
            unpacked_gb=self.max_unpacked_gb,
            ratio=self.max_ratio,
            files=self.max_files,
            line_mb=self.max_line_mb,
            distinct=self.max_distinct,
        )


def _of_groups(*groups: str) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(Settings) if field.metadata["group"] in groups)


# They change nothing of what is built.
LIMIT_SETTINGS = _of_groups(LIMITS)
# The settings that concern reading a corpus alone.
READING_SETTINGS = _of_groups(READING, DIRT, LIMITS)
