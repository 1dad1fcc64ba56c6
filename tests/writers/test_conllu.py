"""CoNLL-U: ten columns, and in comments and MISC what else is known of a sentence."""

from __future__ import annotations

import json
from pathlib import Path

from data_prep.passes.convert import Target, convert
from data_prep.problems import Problems
from data_prep.settings import Settings


def written(tmp_path: Path, record: dict[str, object], chosen: Settings) -> str:
    (tmp_path / "in.jsonl").write_text(json.dumps(record) + "\n")
    convert(tmp_path / "in.jsonl", Target(str(tmp_path / "out.conllu")), chosen, None, Problems())
    return (tmp_path / "out.conllu").read_text()


def test_a_text_with_its_spaces(tmp_path: Path) -> None:
    record = {"id": "r", "document": "d", "text": "Ann (Bonn) left.\nShe slept.", "entities": [[5, 9, "LOC"]]}
    assert written(tmp_path, record, Settings()) == (
        "# newdoc id = d\n# sent_id = r\n# text = Ann (Bonn) left.\n"
        "1\tAnn\t_\t_\t_\t_\t_\t_\t_\tname=O\n"
        "2\t(\t_\t_\t_\t_\t_\t_\t_\tname=O|SpaceAfter=No\n"
        "3\tBonn\t_\t_\t_\t_\t_\t_\t_\tname=B-LOC|SpaceAfter=No\n"
        "4\t)\t_\t_\t_\t_\t_\t_\t_\tname=O\n"
        "5\tleft\t_\t_\t_\t_\t_\t_\t_\tname=O|SpaceAfter=No\n"
        "6\t.\t_\t_\t_\t_\t_\t_\t_\tname=O\n\n"
        # Names of sentences are unique.
        "# sent_id = r-16\n# text = She slept.\n"
        "1\tShe\t_\t_\t_\t_\t_\t_\t_\tname=O\n"
        "2\tslept\t_\t_\t_\t_\t_\t_\t_\tname=O|SpaceAfter=No\n"
        "3\t.\t_\t_\t_\t_\t_\t_\t_\tname=O\n\n"
    )


def test_two_features_of_one_column_are_said(tmp_path: Path) -> None:
    problems, record = Problems(), {"tokens": ["a"], "tags": ["B-X"], "pos": ["N"], "upos": ["NOUN"]}
    (tmp_path / "in").write_text(json.dumps(record))
    chosen = Settings(feature=(("pos", "pos"), ("upos", "upos")))
    convert(tmp_path / "in", Target(str(tmp_path / "out"), "conllu"), chosen, None, problems)
    assert problems.warnings == {"features_left_out": 1}
    assert "one column for the token features pos and upos; upos is left out" in problems.warning_lines[0]


def test_token_features_stand_in_their_columns(tmp_path: Path) -> None:
    record = {"tokens": ["a b", "_"], "tags": ["B-X", "O"], "pos": ["N", ""], "lem": ["a", "_"]}
    chosen = Settings(feature=(("pos", "pos"), ("lemma", "lem")), pos_column=None)
    assert written(tmp_path, record, chosen) == (
        "# text = a b _\n1\ta b\ta\tN\t_\t_\t_\t_\t_\tname=B-X\n2\t_\t_\t_\t_\t_\t_\t_\t_\tname=O\n\n"
    )
