"""WebAnno TSV 3: the layer that holds the entities, places, escapes, parts of tokens and entities of several rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from read_format import read_text

from data_prep.dirt.policies import policies_of
from data_prep.problems import CorpusError

HEAD = """\
#FORMAT=WebAnno TSV 3.3
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|coarseValue|PosValue
#T_CH=de.tudarmstadt.ukp.dkpro.core.api.coref.type.CoreferenceLink|referenceRelation|referenceType
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value
#T_RL=de.tudarmstadt.ukp.dkpro.core.api.syntax.type.dependency.Dependency|DependencyType|flavor|BT_POS


"""


def row(place: str, begin: int, end: int, token: str, value: str) -> str:
    return f"{place}\t{begin}-{end}\t{token}\t_\tN\t_\t_\t_\t{value}\t_\t_\t_\t"


BODY = "\n".join(
    [
        r"#Text=Ann Lee left \\ Rome.",
        row("1-1", 0, 3, "Ann", "PER[1]"),
        row("1-2", 4, 7, "Lee", "PER[1]"),
        row("1-3", 8, 12, "left", "_"),
        row("1-4", 13, 14, r"\\", "_"),
        row("1-5", 15, 19, "Rome", r"LOC\_place"),
        row("1-6", 19, 20, ".", "_"),
        "",
        "#Sentence.id=s2",
        "#Text=\U0001f600 anti-Rome Bo Cy",
        row("2-1", 21, 23, "\U0001f600", "_"),
        row("2-2", 24, 33, "anti-Rome", "_"),
        row("2-2.1", 29, 33, "Rome", "LOC"),
        row("2-3", 34, 36, "Bo", "PER"),
        row("2-4", 37, 39, "Cy", "PER"),
        "",
    ]
)


def test_the_layer_of_named_entities_is_read(tmp_path: Path) -> None:
    read = read_text(tmp_path, HEAD + BODY, "story.tsv", on_misaligned="split")
    assert (read.format, read.evidence, read.errors) == ("webanno", "a first line '#FORMAT=WebAnno TSV 3.3'", [])
    assert read.tokens == [["Ann", "Lee", "left", "\\", "Rome", "."], ["\U0001f600", "anti-", "Rome", "Bo", "Cy"]]
    assert read.entities == [
        ("Ann Lee", "PER"),
        ("Rome", "LOC_place"),
        ("Rome", "LOC"),
        # Next to each other, but two.
        ("Bo", "PER"),
        ("Cy", "PER"),
    ]
    assert [(o.text, o.record, o.document) for o in read.origins] == [
        ("Ann Lee left \\ Rome.", "", "story"),
        ("\U0001f600 anti-Rome Bo Cy", "s2", "story"),
    ]
    assert (read.lines, read.documents) == ([8, 17], [1, 1])


def test_windows_line_ends_and_text_lines_of_a_sentence_are_read(tmp_path: Path) -> None:
    rows = [row("1-1", 0, 3, "Ann", "PER[1]"), row("1-2", 4, 7, "Lee", "PER[1]")]
    read = read_text(tmp_path, (HEAD + "#Text=Ann\n#Text=Lee\n" + "\n".join(rows)).replace("\n", "\r\n"))
    assert (read.errors, read.entities, read.origins[0].text) == ([], [("Ann Lee", "PER")], "Ann\nLee")


def test_an_entity_that_goes_on_in_the_next_sentence_joins_the_two(tmp_path: Path) -> None:
    rows = [
        "#Text=St.",
        row("1-1", 0, 3, "St.", "LOC[4]"),
        "",
        "#Text=Gallen now",
        row("2-1", 4, 10, "Gallen", "LOC[4]"),
        row("2-2", 11, 14, "now", "_"),
        "",
        "#Text=Bo",
        row("3-1", 15, 17, "Bo", "PER"),
    ]
    read = read_text(tmp_path, HEAD + "\n".join(rows))
    assert (read.tokens, read.entities) == ([["St.", "Gallen", "now"], ["Bo"]], [("St. Gallen", "LOC"), ("Bo", "PER")])


CUSTOM = "#FORMAT=WebAnno TSV 3.2\n#T_SP=webanno.custom.Role|kind|place\n#T_SP=webanno.custom.Mark\n\n#Text=Ann\n"


def test_of_several_layers_one_must_be_chosen(tmp_path: Path) -> None:
    text = CUSTOM + "1-1\t0-3\tAnn\tboss\there\t*\n"
    with pytest.raises(
        CorpusError, match=r"one of Role\.kind \(3\), Role\.place \(4\), Mark \(5\); choose with --columns"
    ):
        read_text(tmp_path, text)
    for options, expected in (
        ({"columns": (("tags", "kind"),)}, "boss"),
        ({"columns": (("spans", "Role.place"),)}, "here"),
        ({"tag_column": 4}, "here"),
        # A layer without a feature.
        ({"columns": (("tag", "Mark"),)}, "Mark"),
    ):
        assert read_text(tmp_path, text, **options).entities == [("Ann", expected)]
    with pytest.raises(CorpusError, match="--tag-column 7 is no feature"):
        read_text(tmp_path, text, tag_column=7)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1-1\t0-3\tAnn", "the line has 3 columns, too few for Role.kind (3)"),
        ("1-1 0-3 Ann", "expected sentence-token, begin-end and a token"),
        ("1-1\t0-3\tAnn\t*\t_\t_", "an entity without a type (*); choose one, or drop it with --on-broken repair"),
        ("1-1\t0-3\tBob\t_\t_\t_", "token 'Bob' does not occur"),
        ("1-1\t0-3\tAnn\tA[1]|B[2]\t_\t_", "overlaps"),
    ],
)
def test_wrong_rows_are_errors(tmp_path: Path, line: str, message: str) -> None:
    text = CUSTOM + f"{line}\n\n#Text=Bo\n2-1\t4-6\tBo\t_\t_\t_\n"
    read = read_text(tmp_path, text, columns=(("tags", "kind"),))
    assert len(read.errors) == 1
    assert message in read.errors[0]
    assert read.tokens[-1] == ["Bo"]


def test_repair_drops_entities_without_a_type(tmp_path: Path) -> None:
    text = CUSTOM + "1-1\t0-3\tAnn\t*\t_\t_\n"
    read = read_text(tmp_path, text, columns=(("tags", "kind"),), policies=policies_of({}, "repair"))
    assert (read.tags, read.problems.warnings) == ([["O"]], {"entities_without_type_dropped": 1})
