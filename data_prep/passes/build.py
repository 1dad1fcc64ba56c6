"""Corpus files -> a complete shard set, pass by pass.

prepare.py, which `check` runs too:
  read_pass    files -> ids of distinct strings
  tag_pass     tags -> BILOU ids, sentences -> splits, counts
  buckets      lengths -> bucket edges
  encode       counts of train -> vocabularies and features
then:
  shard_pass   sentences -> the order of the shards
  write_pass   sentences -> Parquet files
and last index.json: its presence means that the shard set is complete.

The passes but encode are stages of an engine (ner_dist.engines): tasks over parts of the corpus, and in the last pass
over shards. What the tasks find is added up in the order of the parts, so that the set and all messages are the same
in whatever parts the corpus is read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_prep.encoders.known_vocabularies import copy_vectors
from data_prep.encoders.lexicon_files import entity_lists
from data_prep.encoders.word_vectors import write_vectors
from data_prep.passes.encode import shard_encoder, shard_features, write_vocabs
from data_prep.passes.like_settings import NOT_FITTED, settings_like, warn_of_other_version
from data_prep.passes.prepare import PreparedCorpus, prepare, split_stats
from data_prep.passes.shard_pass import deal_to_shards, raw_name
from data_prep.passes.write_pass import write_shards
from data_prep.problems import Problems
from data_prep.settings import LIMIT_SETTINGS, Settings
from data_prep.sources.source_files import SourceFile, Sources
from data_prep.sources.stored_files import companions, describe
from data_prep.sources.text_source import Progress
from data_prep.staging import check_output, staged
from ner_dist.contract.like_model import Like
from ner_dist.contract.shard_format import Index, VectorsFile, write_index
from ner_dist.contract.tokenizers import TokenizerChoice
from ner_dist.engines.choose_engine import EngineChoice, open_executor
from ner_dist.engines.executor import Executor
from ner_dist.engines.one_process import OneProcess
from ner_dist.engines.work_folder import fingerprint, resumable

# Of the tokens, if the corpus cuts its text into characters.
CHARACTERS_SHARE = 0.9


def build(
    sources: Sources,
    settings: Settings,
    out: Path,
    problems: Problems,
    read_progress: Progress | None = None,
    write_progress: Callable[[int], object] = lambda num_tokens: None,
    like: Like | None = None,
    engine: EngineChoice | None = None,
) -> Index:
    """Build the shard set `out` from the files of the splits; an older one stays until the new one is complete.

    like: a model, or a set, whose vocabularies and entity types are taken instead of fitting them. engine: where it is
    done, by default in this process; the set is the same. After Ctrl-C, or if the engine failed, the same call goes on
    from what several workers have finished.

    Raises CorpusError listing what is wrong with the corpus, SettingsError for a lexicon's folder or names and for what
    contradicts the model, OutputError if `out` must not be replaced, EngineError if the engine fails.
    """
    if like is not None:
        settings = settings_like(settings, like)
    check_output(out, _inputs(sources, settings))
    with _workplace(out, sources, settings, like, engine or EngineChoice()) as (directory, spill, executor):
        prepared = prepare(sources, settings, spill, problems, executor, read_progress, like=like)
        problems.raise_errors()
        assert prepared is not None
        if like is not None and prepared.corpus.cutter.was_used:
            warn_of_other_version(like, problems)
        tagged, fitted = prepared.tagged, prepared.fitted
        encoder = shard_encoder(prepared.corpus, tagged, fitted)
        cells = deal_to_shards(tagged, spill, prepared.edges, settings.num_shards, executor)
        for part in tagged.parts:
            part.path.unlink(missing_ok=True)
        shards = write_shards(cells, encoder, directory, spill, executor, write_progress)
        vocab, vectors = write_vocabs(directory, fitted), _write_vectors(directory, prepared, like)
        index = Index(
            entity_types=tagged.entity_types,
            bucket_edges=prepared.edges,
            features=shard_features(fitted.features),
            vocab=vocab,
            vectors=vectors,
            splits={split: shards[split] for split in tagged.splits},
            raw={split: shards[raw_name(split)] for split in tagged.splits if raw_name(split) in shards},
            has_text=encoder.has_text,
            tokenizer={**_tokenizer(prepared).to_record(), "applied": encoder.has_text},
            stats={split: split_stats(prepared, split_id) for split_id, split in enumerate(tagged.splits)},
            sources=_described(sources, settings, prepared),
            settings={**_recorded(settings, like), "scheme_found": tagged.scheme.name},
            warnings=dict(sorted(problems.warnings.items())),
        )
        write_index(directory, index)
    return index


def _inputs(sources: Sources, settings: Settings) -> list[Path]:
    """All files that the set is made of."""
    lists = [entity_list.path for entity_list in entity_lists(settings)]
    return [*(file.path for _, file in sources), *map(Path, settings.vectors), *lists]


@contextmanager
def _workplace(
    out: Path, sources: Sources, settings: Settings, like: Like | None, engine: EngineChoice
) -> Iterator[tuple[Path, Path, Executor]]:
    """(directory to build in, folder for intermediate files, executor); on success the first becomes `out`."""
    if engine.is_this_process:
        with staged(out) as (directory, spill):
            yield directory, spill, OneProcess()
        return
    given = {
        **dataclasses.asdict(settings),
        "sources": [(split, str(file)) for split, file in sources],
        "engine": list(engine),
        "like": like and [str(like.directory), like.vocabularies.fingerprint()],
    }
    with resumable(out, fingerprint(given, _inputs(sources, settings))) as (directory, work):
        spill = work / "spill"
        spill.mkdir(exist_ok=True)
        with open_executor(engine, work) as executor:
            yield directory, spill, executor


def _write_vectors(directory: Path, prepared: PreparedCorpus, like: Like | None) -> VectorsFile | None:
    """None if the words have no pretrained vectors."""
    lookup = prepared.fitted.words.lookup
    if lookup is None:
        return None
    if prepared.vectors is not None:
        return write_vectors(directory, lookup.row_I, lookup.first_unseen, prepared.vectors.matrix_RD)
    return None if like is None else copy_vectors(like, directory)


def _described(sources: Sources, settings: Settings, prepared: PreparedCorpus) -> list[dict[str, Any]]:
    """What index.json says of the files that the set is made of."""
    files = [*sources, *((split, companion) for split, file in sources for companion in companions(file))]
    files += [("lexicon", SourceFile(entity_list.path)) for entity_list in entity_lists(settings)]
    if prepared.vectors is not None and prepared.fitted.words.lookup is not None:
        files += [("vectors", SourceFile(path)) for path in prepared.vectors.files]
    return [{"split": split, **describe(file)} for split, file in files]


def _recorded(settings: Settings, like: Like | None) -> dict[str, Any]:
    """The settings that apply, for the index; files without their folders: the same input gives the same bytes wherever
    it lies."""
    recorded = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in dataclasses.asdict(settings).items()
        if name not in LIMIT_SETTINGS
    }
    # Those that apply, not only those that were given.
    recorded.update(settings.policies._asdict())
    recorded["vectors"] = [Path(path).name for path in settings.vectors]
    recorded["lexicon"] = settings.lexicon and Path(settings.lexicon).name
    if like is not None:
        for name in NOT_FITTED:
            del recorded[name]
        recorded["like"] = like.vocabularies.fingerprint()
    return recorded


def _tokenizer(prepared: PreparedCorpus) -> TokenizerChoice:
    """How new text will be cut: as the corpus's texts were or, if it had none, so that its tokens could come of it."""
    corpus, tagged = prepared.corpus, prepared.tagged
    are_characters = tagged.num_characters > CHARACTERS_SHARE * tagged.tag_SK.sum()
    return corpus.cutter.choice(corpus.distinct_tokens() if are_characters else ())
