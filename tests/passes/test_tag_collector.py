"""What the tags of each source mean: its dialect, decided by frequency, and what is said if it is not clear."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from read_tags import Entity, TagsRead, read_one, read_tags

# A sentence's pieces: (type, length), "" is outside.
Pieces = list[tuple[str, int]]
SCHEME_NAMES = ("bio", "iob1", "bioes", "bilou", "bmes", "bmewo")


def plain_letters(scheme: str, length: int, follows_same_type: bool) -> str:
    """The letters of an entity, as the scheme's definition says."""
    if scheme == "iob1":
        return ("B" if follows_same_type else "I") + "I" * (length - 1)
    if scheme == "bio":
        return "B" + "I" * (length - 1)
    inside, last, single = {"bioes": "IES", "bilou": "ILU", "bmes": "MES", "bmewo": "MEW"}[scheme]
    return single if length == 1 else "B" + inside * (length - 2) + last


def spell(pieces: Pieces, scheme: str, form: str = "{letter}-{type}", lower: bool = False) -> list[str]:
    tags, before = [], ""
    for name, length in pieces:
        if not name:
            tags += ["o" if lower else "O"] * length
        elif scheme == "io":
            tags += [name] * length
        else:
            letters = plain_letters(scheme, length, before == name)
            letters = letters.lower() if lower else letters
            tags += [form.format(letter=letter, type=name) for letter in letters]
        before = name
    return tags


def plain_entities(sentences: list[Pieces], scheme: str, nameless: bool = False) -> list[Entity]:
    found: list[Entity] = []
    for number, pieces in enumerate(sentences):
        start, before = 0, ""
        for name, length in pieces:
            if name and scheme == "io" and before == name:
                # Adjacent tokens of one type are one entity.
                found[-1] = found[-1]._replace(end=start + length)
            elif name:
                found.append(Entity(number, start, start + length, "ENTITY" if nameless else name))
            start, before = start + length, name
    return found


TYPES = ["PER", "work-of-art", "ORG_1", "Ä rzte", "per-son"]
pieces = st.lists(st.tuples(st.sampled_from(["", "", *TYPES]), st.integers(1, 4)), min_size=1, max_size=6)
FORMS = ["{letter}-{type}", "{letter}_{type}", "{type}-{letter}", "{type}_{letter}", "{letter}"]


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=6), st.sampled_from(SCHEME_NAMES), st.sampled_from(FORMS), st.booleans())
def test_entities_of_every_dialect_are_read_back(sentences: list[Pieces], scheme: str, form: str, lower: bool) -> None:
    nameless = form == "{letter}"
    if nameless:
        sentences = [[("ENTITY" if name else "", length) for name, length in pieces] for pieces in sentences]
        # A letter alone may be a type.
        sentences.append([("ENTITY", 2)])
    read = read_one(*(spell(pieces, scheme, form, lower) for pieces in sentences))
    assert read.problems.errors == []
    assert read.entities == [plain_entities(sentences, scheme, nameless)]


@settings(max_examples=200, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=6), st.booleans())
def test_types_without_letters_are_read_back(sentences: list[Pieces], lower: bool) -> None:
    # Many tokens are outside in a file of this kind; otherwise it is taken for another column.
    sentences = [*sentences, [("", 5)]]
    read = read_one(*(spell(pieces, "io", lower=lower) for pieces in sentences))
    assert read.problems.errors == []
    assert read.entities == [plain_entities(sentences, "io")]


LONG = [
    ("bio", "B-X I-X O B-Y", "B-X B-X"),
    ("iob1", "I-X I-X O I-Y I-X", "I-X B-X"),
    ("bio", "B-X O", "O B-Y"),
    ("iob1", "I-X O", "O I-Y"),
    ("bioes", "S-X O B-X I-X E-X", "O S-Y"),
    ("bioes", "B-X E-X O", "B-X E-X"),
    ("bilou", "U-X O B-X I-X L-X", "O U-Y"),
    ("bilou", "B-X L-X", "O"),
    ("bmes", "B-X M-X E-X", "S-X O"),
    ("bmewo", "B_X M_X E_X", "W_X O"),
    ("bmewo", "W_X WW_O_X MM_O BB_O_X B_X M_X E_X", "MM_O"),
    ("io", "X O O", "Y Y O"),
    ("bio", "b-x i-x o", "b-y o"),
    ("bio", "X-B X-I O", "Y-B O"),
    ("bio", "B I O B", "O B B"),
    ("bioes", "B I E O S", "O B E"),
    # A few broken tags do not change the result.
    ("bio", "B-X I-X O B-Y", "B-X B-X", "O B-X", "B-Y I-Y", "O I-X"),
]


@pytest.mark.parametrize(("expected", "sentences"), [(name, sentences) for name, *sentences in LONG])
def test_the_scheme_is_found(expected: str, sentences: list[str]) -> None:
    scheme = read_one(*sentences).schemes[0]
    assert (scheme.name, scheme.clear) == (expected, True)


def test_the_evidence_counts_what_distinguishes_the_schemes() -> None:
    evidence = [
        read_one(*sentences).scheme.evidence for _, *sentences in (LONG[0], LONG[1], LONG[9], LONG[11], LONG[14])
    ]
    assert evidence == [
        "4 B- tags, 3 of them where IOB1 has I-; 0 entities begin with I-",
        "1 B- tags, 0 of them where IOB1 has I-; 4 entities begin with I-",
        "tags begin with B_ (1), M_ (1), E_ (1), W_ (1)",
        "3 tags are types without letters, such as 'Y'; 3 are O",
        "4 B tags, 3 of them where IOB1 has I; 0 entities begin with I, without types",
    ]


def test_an_i_at_a_sentence_start_opens_an_entity_even_if_the_sentence_before_ended_in_its_type() -> None:
    evidence = read_one("O I-X", "I-X I-X").scheme.evidence
    assert evidence == "0 B- tags, 0 of them where IOB1 has I-; 2 entities begin with I-"


def errors(read: TagsRead) -> list[str]:
    return [message.replace(" error:", "") for message in read.problems.errors]


@pytest.mark.parametrize("typo", ["E-PER", "L-PER", "S-PER", "U-PER", "M-PER", "W-PER"])
def test_one_letter_of_another_scheme_is_an_error_at_its_own_line(typo: str) -> None:
    read = read_one(*["B-PER I-PER O"] * 999, f"B-PER {typo} O")
    assert read.scheme.name == "bio"
    assert errors(read) == [
        f"c:3998: tag '{typo}' does not belong to bio, in which this file's other 1,999 tags are "
        "(--on-broken repair reads it as the CoNLL scorer does)"
    ]


def test_a_slip_is_told_from_another_scheme_even_in_a_small_file() -> None:
    read = read_one("B-A I-A O", "B-A I-A O", "B-A E-A O", "B-A I-A O")
    assert (read.scheme.name, errors(read)[0][:20]) == ("bio", "c:10: tag 'E-A' does")
    read = read_one("B-A E-A O", "B-A E-A O", "B-A I-A E-A O", "B-A E-A O", "U-A S-A S-A")
    assert (read.scheme.name, errors(read)[0][:21]) == ("bioes", "c:18: tag 'U-A' does ")
    read = read_one("PER O O LOC", "PER O LOC LOC", "O O B-PER")
    assert read.scheme.name == "io"
    assert errors(read)[0].startswith(
        "c:13: tag 'B-PER' has a letter before or behind its type, unlike this file's other"
    )


def test_a_file_of_few_single_tokens_is_still_bioes() -> None:
    read = read_one(*["B-X E-X O"] * 99, "S-X O")
    assert (read.scheme.name, read.problems.errors) == ("bioes", [])


@pytest.mark.parametrize(
    ("sentences", "evidence"),
    [
        (["B-X O", "I-X O"], "1 B- tags, 1 of them where IOB1 has I-; 1 entities begin with I-"),
        (["B-X O", "S-Y O"], "1 B- tags, 1 of them where"),
        (["B-X O", "Y O"], "1 tags are types without such a letter"),
        (["B-X B-X O", "X X X"], "have letters, such as 'B-X'"),
        (["E-mail O", "O E-mail"], "2 tags break bio and 2 break iob1"),
        # A letter of a scheme, or S for a symptom?
        (["S O", "O O S"], "tags are S (2), without types; this may be a type"),
        (["PER OTHER OTHER", "OTHER"], "no tag has a letter such as B-, and 0 are O"),
    ],
)
def test_what_is_not_clear_is_said_with_the_evidence(sentences: list[str], evidence: str) -> None:
    read = read_one(*sentences)
    assert not read.scheme.clear
    message = errors(read)[0]
    assert message.startswith("c: the tag scheme is not clear (")
    assert evidence in message
    assert message.endswith("; pass --scheme")


def test_a_scheme_that_is_given_is_taken() -> None:
    read = read_one("B-X O", "I-X O", scheme="iob1")
    assert read.scheme == ("iob1", "given by --scheme", True)
    assert errors(read)[0].startswith("c:1: tag 'B-X' after the sentence's start breaks iob1")
    assert read_one("E-mail O", "O E-mail", scheme="io").entity_types == ["E-mail"]
    assert "'L' is a letter of another scheme; --scheme io takes it" in errors(read_one("P P P O", "L O"))[0]
    assert read_one("P P P O", "L O", scheme="io").entity_types == ["L", "P"]
    assert read_one("I-X I-X O I-X", scheme="io").entities == [[Entity(0, 0, 2, "X"), Entity(0, 3, 4, "X")]]
    read = read_one("B-X L-X O", scheme="bio")
    assert errors(read)[0].startswith("c:2: tag 'L-X' does not belong to bio (given by --scheme)")
    assert read_one("B-X M-X E-X S-X", scheme="bmes").problems.errors == []
    assert "does not belong to bioes" in errors(read_one("B-X M-X E-X S-X", scheme="bioes"))[0]


def test_another_column_is_not_taken_for_types() -> None:
    read = read_one("NNP VBZ DT NN", "NNP VBD")
    assert read.problems.num_errors == 7
    assert (
        errors(read)[0] == "c: the tag scheme is not clear (no tag has a letter such as B-, and 0 are O); pass --scheme"
    )
    assert errors(read)[1].startswith("c:1: tag 'NNP' is neither O nor one of B I, a hyphen and a type")


def test_integers_need_names() -> None:
    read = read_one("0 3 4 0", "0 1")
    assert errors(read) == [
        "c:1: tag '0' is a number, as most tags here; "
        "integers need names: --tag-names FILE|A,B,C (they are never guessed)"
    ]


def test_zeros_for_o_are_told_from_integers() -> None:
    assert errors(read_one("B-X 0 0 0", "O O O"))[0].startswith("c:2: tag '0' is the digit zero, expected the letter O")


def test_each_file_has_its_own_scheme() -> None:
    read = read_tags({"folder/train": ["B-PER I-PER O", "B-PER O"], "dev": ["B-PER L-PER O", "U-PER"]})
    assert read.problems.errors == []
    assert [scheme.name for scheme in read.schemes] == ["bio", "bilou"]
    assert read.scheme.name == "bio (train), bilou (dev)"
    assert read.scheme.evidence.endswith("; dev: tags begin with B- (1), L- (1), U- (1)")
    assert [[entity[1:] for entity in found] for found in read.entities] == [
        [(0, 2, "PER"), (0, 1, "PER")],
        [(0, 2, "PER"), (0, 1, "PER")],
    ]


def test_files_of_one_scheme_are_told_in_one_name() -> None:
    read = read_tags({"a": ["B-X I-X"], "b": ["B-X B-X"]})
    assert read.scheme.name == "bio"
    assert read.scheme.evidence.startswith("a: 1 B- tags")


def test_types_are_those_of_all_files_in_order() -> None:
    read = read_tags({"a": ["B-Y I-Y O"], "b": ["X X O O"], "c": ["b-z o"]})
    assert read.entity_types == ["X", "Y", "z"]
    assert [found[0].type for found in read.entities] == ["Y", "X", "z"]


@pytest.mark.parametrize("dev", [["O O"], ["B-X O"], ["O B-Y B-X"]])
def test_a_file_that_fits_the_scheme_of_the_others_is_of_it(dev: list[str]) -> None:
    read = read_tags({"train": ["B-X I-X O", "B-Y B-Y"], "dev": dev})
    assert [scheme.name for scheme in read.schemes] == ["bio", "bio"]
    assert read.problems.errors == []


def test_what_one_file_leaves_open_the_others_decide() -> None:
    read = read_tags({"train": ["B-X I-X O"] * 9, "dev": ["B-X O", "I-X O"]})
    assert read.schemes[1].name == "bio"
    assert "in the corpus; this file alone: 1 B- tags, 1 of them where IOB1 has I-" in read.schemes[1].evidence
    assert errors(read)[0].startswith("dev:4: tag 'I-X' after the sentence's start breaks bio")
    # A type with a hyphen, where a file alone looks like one letter of a scheme.
    read = read_tags({"train": ["HLA-A O O HLA-B", "HLA-C HLA-A O"], "dev": ["HLA-B O"]})
    assert read.problems.errors == []
    assert read.entities[1] == [Entity(0, 0, 1, "HLA-B")]


def test_small_files_are_read_as_most_of_their_split() -> None:
    files = {f"{number}": ["B-X E-X O S-Y"] for number in range(50)}
    # By itself it would be BIO.
    files["slip"] = ["B-X O"]
    read = read_tags(files, splits=["train"] * 51)
    assert {scheme.name for scheme in read.schemes} == {"bioes"}
    assert errors(read)[0].startswith("slip:2: tag 'O' after 'B-X' breaks bioes")
    assert read.scheme.name == "bioes"
    assert "in the files of its split" in read.scheme.evidence


def test_a_letter_of_another_scheme_in_a_small_file_is_blamed_on_the_split() -> None:
    files = {f"{number}": ["B-X I-X O B-X"] for number in range(50)}
    read = read_tags({**files, "slip": ["B-X E-X"]}, splits=["train"] * 51)
    assert errors(read)[0].startswith(
        "slip:2: tag 'E-X' does not belong to bio, in which its split's other 151 tags are"
    )


def test_a_small_file_that_is_plainly_of_another_scheme_keeps_it() -> None:
    files = {f"{number}": ["B-X I-X O B-X"] for number in range(50)}
    read = read_tags({**files, "other": ["U-X U-X B-X L-X"]}, splits=["train"] * 51)
    assert read.schemes[-1].name == "bilou"
    assert read.problems.errors == []
    assert read.scheme.name == "bio (0, 1, 2 and 47 more), bilou (other)"


@pytest.mark.parametrize(
    "wrapped", ["B-PER ", "B-PER\u00a0", "\ufeffB-PER", "B-PER\u200b", "B-\u00adPER", "B-PER\u200e"]
)
def test_invisible_characters_are_trimmed_and_counted(wrapped: str) -> None:
    read = read_one(["B-PER", "O"], [wrapped, "O"], [wrapped, "I-PER"])
    assert read.entity_types == ["PER"]
    assert [entity.type for entity in read.entities[0]] == ["PER"] * 3
    assert read.problems.errors == []
    assert read.problems.warnings == {"tags_trimmed": 2}
    assert read.messages[0].startswith("c:4: warning: tag ")
    assert read.messages[0].endswith("(2 times, first here)")
    assert "is read as 'B-PER'" in read.messages[0]


def test_near_types_are_named_and_not_merged() -> None:
    art = ["B-WORK_OF_ART", "B-WORK-OF-ART", "B-Work\u200bof\u00a0Art"]
    read = read_one(*["B-PER I-PER O"] * 3, "B-Per O", art, "B-LOC")
    assert read.entity_types == ["LOC", "PER", "Per", "WORK-OF-ART", "WORK_OF_ART", "Work\u200bof\u00a0Art"]
    assert read.problems.warnings == {"near_types": 2}
    assert read.messages[0] == (
        "c:13: warning: types 'PER' (6 tokens, first c:1) and 'Per' (1 token, first c:13) "
        "differ only in case, spaces, hyphens or look-alikes; they stay different types"
    )
    assert r"'Work\u200bof\u00a0Art' (1 token, first c:18)" in read.messages[1]


def test_types_that_look_like_tags_are_named() -> None:
    read = read_one(*["B-B-PER B-I-PER O"] * 2, "B-I-LOC B-B_x")
    assert read.problems.warnings == {"tags_as_types": 1}
    assert read.messages[0] == (
        "c:2: warning: types 'B-PER' and 'I-PER' look like tags of single tokens, each read as an entity; an entity of "
        "several tokens is one span of type 'PER'"
    )


def test_near_types_of_two_files_are_named_with_both() -> None:
    read = read_tags({"train": ["B-per O"], "dev": ["B-PER O"]})
    assert "types 'PER' (1 token, first dev:1) and 'per' (1 token, first train:1)" in read.messages[0]


def test_so_many_types_are_another_column() -> None:
    read = read_one(" ".join(f"B-{number}" for number in range(1001)))
    assert errors(read) == ["c: 1,001 entity types, for example '0'; is this the column of the tags?"]
