"""The bearer token: who has it is answered, who has not is told, and probes stay open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from stub_service import running_service

from ner_dist.errors import UserError
from ner_dist.serving.tokens import VARIABLE, Tokens

FIRST, SECOND = "first-token-0123456789", "second-token-0123456789"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(f"{FIRST}\n\n  {SECOND}\n")
    return tmp_path / "token"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_requests_need_one_of_the_tokens_and_probes_and_the_page_none(file: Path) -> None:
    with running_service(tokens=Tokens(file)) as service:
        for path in ("/", "/page.js", "/healthz", "/livez", "/readyz", "/metrics"):
            assert service.client.get(path).status_code == 200
        for token in (FIRST, SECOND):
            answer = service.client.post("/tag", json={"text": "Ada"}, headers=bearer(token))
            assert answer.status_code == 200
        for headers in ({}, bearer("wrong"), bearer("x"), {"Authorization": FIRST}, {"Authorization": "Basic Og=="}):
            for path in ("/tag", "/batch", "/models/stub/tag", "/nothing"):
                answer = service.client.post(path, json={"text": "Ada"}, headers=headers)
                assert (answer.status_code, answer.headers["www-authenticate"][:6]) == (401, "Bearer")
                assert "Authorization: Bearer TOKEN" in answer.json()["error"]
        assert service.client.get("/models").status_code == 401
        assert service.metric('ner_requests_total{path="/tag",status="401"}') == 10
    assert service.stub.texts == ["Ada", "Ada"]


def test_all_but_the_page_may_need_it(file: Path) -> None:
    tokens = Tokens(file, for_all=True)
    assert not any(tokens.allow(path, []) for path in ("/healthz", "/livez", "/readyz", "/metrics", "/tag"))
    assert tokens.allow("/", [])
    assert tokens.allow("/metrics", [(b"authorization", f"bearer {FIRST}".encode())])
    # Two are none.
    assert not tokens.allow("/metrics", [(b"authorization", f"bearer {FIRST}".encode())] * 2)


def test_tokens_are_replaced_while_it_runs(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    tokens = Tokens(file)
    second = [(b"authorization", b"Bearer " + SECOND.encode())]
    file.write_text(FIRST)
    tokens.read_again()
    assert not tokens.allow("/tag", second)
    file.write_text("short")
    tokens.read_again()
    assert "the tokens stay as they were: " in caplog.text
    assert "short" not in caplog.text.replace("too short", "")
    assert tokens.allow("/tag", [(b"authorization", b"Bearer " + FIRST.encode())])


def test_the_environment_has_it_if_no_file_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Tokens().allow("/tag", [])
    monkeypatch.setitem(os.environ, VARIABLE, FIRST)
    assert not Tokens().allow("/tag", [])
    assert Tokens().allow("/tag", [(b"authorization", f"Bearer {FIRST}".encode())])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("", "has no token"), ("short", "too short or too long"), ("a b" * 9, "other characters"), ("é" * 20, "other")],
)
def test_a_file_without_a_fit_token_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "token").write_text(content)
    with pytest.raises(UserError, match=rf"--token-file .*token: .*{sentence}"):
        Tokens(tmp_path / "token")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--token-file .*none: not readable \(No such file or directory\)"):
        Tokens(tmp_path / "none")
    with pytest.raises(UserError, match="--token-for all needs a token"):
        Tokens(None, for_all=True)
