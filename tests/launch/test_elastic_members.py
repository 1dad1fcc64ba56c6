"""Who the ranks of an elastic job are, after every kind of loss and gain; and how members learn of it over HTTP."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import Any

import pytest

from launch.job import elastic_members
from launch.job.elastic_members import Member, Members, Place
from launch.job.elastic_server import MembersServer
from ner_dist.ranks.membership import PART, Dismissed, Membership


def started(least: int, most: int, slots: dict[str, int]) -> Members:
    """A job whose first generation is connected."""
    members = Members(least, most)
    members.offer(slots)
    for place in members.missing():
        ready(members, members.add(place))
    begin(members)
    return members


def ready(members: Members, member: Member) -> None:
    members.hear(member.number, {"ready_after": member.generation})


def begin(members: Members) -> list[int]:
    """The numbers of the members of the next generation, by rank; they connect. Nobody, if it cannot begin."""
    group = members.next_group()
    if not group:
        return []
    members.begin(group, 4711)
    for member in members.current:
        members.hear(member.number, {"joined": members.generation})
    return [member.number for member in members.current]


def ranks(members: Members) -> list[int]:
    return [member.number for member in members.current]


def lose(members: Members, *numbers: int, code: int = 137) -> None:
    """These end, and the others of the generation notice."""
    for number in numbers:
        members.exited(number, code)
    for member in members.current:
        if member.is_alive:
            ready(members, member)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elastic_members, "_COMPANY_S", 0.0)


def test_all_members_that_were_started_are_the_first_ranks() -> None:
    members = Members(1, 3)
    members.offer({"a": 2, "b": 4})
    assert members.missing() == [Place("a", 0), Place("a", 1), Place("b", 0)]
    new = [members.add(place) for place in members.missing()]
    ready(members, new[2])
    assert members.next_group() == []
    ready(members, new[0])
    ready(members, new[1])
    assert sorted(begin(members)) == [0, 1, 2]
    # Ranks of one host are next to each other.
    parts = {member.place: member.part for member in members.current}
    assert parts[Place("a", 1)] == {
        "HOROVOD_RANK": 1,
        "HOROVOD_SIZE": 3,
        "HOROVOD_LOCAL_RANK": 1,
        "HOROVOD_LOCAL_SIZE": 2,
        "HOROVOD_CROSS_RANK": 0,
        "HOROVOD_CROSS_SIZE": 1,
        "HOROVOD_GLOO_RENDEZVOUS_PORT": 4711,
    }
    assert parts[Place("b", 0)]["HOROVOD_CROSS_RANK"] == 1
    assert parts[Place("b", 0)]["HOROVOD_CROSS_SIZE"] == 2


def test_the_start_does_not_wait_for_ever_for_a_member(monkeypatch: pytest.MonkeyPatch) -> None:
    members = Members(1, 2)
    members.offer({"a": 2})
    new = [members.add(place) for place in members.missing()]
    ready(members, new[0])
    assert members.next_group() == []
    monkeypatch.setattr(elastic_members, "_START_S", 0.0)
    assert begin(members) == [0]


def test_survivors_go_on_at_once_and_the_place_is_filled_again() -> None:
    members = started(1, 3, {"a": 3})
    members.exited(1, 137)
    assert members.answer(0)["broken"]
    # Not before all of them are ready.
    ready(members, members.all[0])
    assert members.next_group() == []
    ready(members, members.all[2])
    assert begin(members) == [0, 2]
    assert members.missing() == [Place("a", 1)]
    new = members.add(Place("a", 1))
    assert not members.is_change_wanted
    ready(members, new)
    assert members.answer(0)["wanted"]
    assert not members.answer(0)["broken"]
    lose(members)
    assert begin(members) == [0, 2, 3]
    assert not members.is_change_wanted


def test_the_oldest_survivor_is_rank_0() -> None:
    members = started(1, 3, {"a": 1, "b": 2})
    oldest = ranks(members)
    new_place = members.all[oldest[0]].place
    lose(members, oldest[0])
    assert begin(members) == oldest[1:]
    ready(members, members.add(new_place))
    lose(members)
    assert begin(members)[:2] == oldest[1:]


def test_too_few_wait_for_others() -> None:
    members = started(2, 2, {"a": 2})
    lose(members, 0)
    assert members.next_group() == []
    ready(members, members.add(members.missing()[0]))
    assert begin(members) == [1, 2]


def test_ranks_of_a_host_that_goes_are_dismissed() -> None:
    members = started(1, 4, {"a": 1, "b": 2})
    gone = [member.number for member in members.current if member.place.host == "b"]
    members.offer({"a": 1})
    assert members.is_change_wanted
    lose(members)
    assert len(begin(members)) == 1
    assert all(members.answer(number)["dismissed"] for number in gone)


def test_if_all_hosts_change_one_rank_stays_to_hand_over_its_state() -> None:
    members = started(1, 2, {"a": 2})
    members.offer({"b": 2})
    # Nobody is there to take over yet.
    assert not members.is_change_wanted
    assert members.missing() == [Place("b", 0), Place("b", 1)]
    for place in members.missing():
        ready(members, members.add(place))
    assert members.is_change_wanted
    lose(members)
    assert begin(members) == [0, 2]
    assert members.is_change_wanted
    lose(members)
    assert begin(members) == [2, 3]


def test_a_rank_that_is_asked_to_end_leaves_the_others_unless_all_are() -> None:
    members = started(1, 2, {"a": 2})
    members.hear(0, {"leaving": 1})
    assert members.is_change_wanted
    assert not members.answer(0)["stopping"]
    lose(members)
    assert begin(members) == [1]
    assert members.answer(0)["dismissed"]
    members.hear(1, {"leaving": 1})
    assert members.answer(1)["stopping"]
    assert not members.is_change_wanted


def test_nobody_left_who_knows_the_state_is_the_end() -> None:
    members = started(1, 2, {"a": 2})
    ready(members, members.add(Place("a", 5)))
    lose(members, 0, 1)
    assert members.is_over
    assert not members.has_succeeded
    assert members.next_group() == []


def test_the_end_of_training_is_that_of_rank_0() -> None:
    members = started(1, 3, {"a": 3})
    members.exited(1, 0)
    assert not members.is_broken
    # Who dies now does not need another one, and who is left goes on alone, however few they may be.
    members.exited(2, 137)
    ready(members, members.all[0])
    assert begin(members) == [0]
    members.exited(0, 0)
    assert members.is_over
    assert members.has_succeeded


def test_a_result_that_was_not_written_is_a_failure() -> None:
    members = started(1, 2, {"a": 2})
    members.exited(1, 0)
    members.exited(0, 137)
    assert members.is_over
    assert not members.has_succeeded


def test_members_that_cannot_connect_are_stuck() -> None:
    members = Members(1, 2)
    members.offer({"a": 2})
    for place in members.missing():
        ready(members, members.add(place))
    members.begin(members.next_group(), 1)
    assert members.stuck() == []
    assert members.late() == members.current
    members.exited(0, 137)
    assert members.stuck() == [members.all[1]]
    members.hear(1, {"joined": 0})
    assert members.stuck() == []


def test_a_silent_rank_is_one_of_the_generation_that_says_so() -> None:
    members = started(1, 2, {"a": 2})
    members.hear(0, {"silent": 1, "generation": 5})
    members.hear(0, {"silent": 7, "generation": 0})
    assert not any(member.is_silent for member in members.current)
    members.hear(0, {"silent": 1, "generation": 0})
    assert [member.is_silent for member in members.current] == [False, True]


# --- Over HTTP


def membership(server: MembersServer, number: int) -> Membership:
    address, _, rest = server.of_member("127.0.0.1", number).partition(":")
    port, _, path = rest.partition("/")
    return Membership(address, int(port), f"/{path}")


def test_a_member_learns_its_part_and_tells_how_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PART:
        monkeypatch.setenv(name, "unset")
    members = Members(1, 1)
    members.offer({"a": 1})
    member = members.add(Place("a", 0))
    mine = membership(MembersServer(members, "127.0.0.1"), 0)
    assert mine._tell({"ready_after": -1})
    assert begin(members) == [0]
    mine.await_part()
    assert mine.generation == 0
    assert {name: os.environ[name] for name in PART} == {name: str(member.part[name]) for name in PART}
    mine.joined(lambda: None)
    assert member.joined == 0
    mine.accuse(0)
    assert member.is_silent
    members.dismiss_all()
    with pytest.raises(Dismissed):
        mine.await_part()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"generation": 1}',
        b'{"generation": 1, "part": {"HOROVOD_RANK": 0}}',
        json.dumps({"generation": True, "part": dict.fromkeys(PART, 1)}).encode(),
        json.dumps({"generation": 1, "part": dict.fromkeys(PART, "1; rm")}).encode(),
        json.dumps({"generation": 1, "part": dict.fromkeys(PART, -1)}).encode(),
        json.dumps({"generation": 1, "part": dict.fromkeys(PART, 1 << 40)}).encode(),
    ],
)
def test_nonsense_is_no_part(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Membership("127.0.0.1", 1, "/x")
    answers = [answer, b'{"dismissed": true}']
    monkeypatch.setattr(mine, "_request", lambda method, body=None: b"" if body else answers.pop(0))
    with pytest.raises(Dismissed):
        mine.await_part()
    assert mine.generation == -1


def test_strangers_get_and_change_nothing() -> None:
    members = started(1, 1, {"a": 1})
    server = MembersServer(members, "127.0.0.1")
    known = f"http://{server.of_member('127.0.0.1', 0)}"
    base = known.rsplit("/", 2)[0]

    def status(url: str, data: bytes | None = None) -> Any:
        try:
            request = urllib.request.Request(url, data, method="PUT" if data else "GET")
            return urllib.request.urlopen(request, timeout=5).status
        except urllib.error.HTTPError as error:
            return error.code

    assert status(known) == 200
    for url in (base, f"{base}/0", f"{base}/{'0' * 32}/0", f"{known}9", f"{known}/0", f"{known.rsplit('/', 1)[0]}/-1"):
        assert status(url) == (200 if url == f"{known}/0" else 404)
        status(f"{base}/{'0' * 32}/0", b'{"ready_after": 0}')
    assert members.current[0].ready_after == -1
    # Not even those who know it can send anything else than numbers.
    for nonsense in (b"{", b"[1]", b'{"ready_after": "x"}', b'{"joined": null}', b"\xff", b"x" * 5000):
        status(known, nonsense)
    assert (members.current[0].ready_after, members.current[0].joined) == (-1, 0)
