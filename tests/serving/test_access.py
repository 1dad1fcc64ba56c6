"""Pages of other sites do not reach the service, by whatever way; programs, probes and its own page do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stub_service import RunningService, running_service

from ner_dist.serving.access import Access

LOCAL = Access("127.0.0.1")
OPEN = Access("0.0.0.0", "0.0.0.0", ["ner.example.com", ".cluster.local"])


def complaint(access: Access, method: str = "POST", **headers: str) -> str | None:
    return access.complaint(method, [(n.replace("_", "-").encode(), v.encode("latin-1")) for n, v in headers.items()])


@pytest.mark.parametrize(
    ("access", "host"),
    [
        (LOCAL, "localhost"),
        (LOCAL, "LocalHost:8000"),
        (LOCAL, "localhost."),
        (LOCAL, "127.0.0.1:8000"),
        (LOCAL, "127.0.0.2"),
        (LOCAL, "[::1]:8000"),
        (Access("::1", "::1"), "[::1]"),
        # A pod's address, that of a host whose port is published, and names that the user has allowed.
        (OPEN, "10.1.2.3:8000"),
        (OPEN, "[fd00::7]:8000"),
        (OPEN, "localhost:9000"),
        (OPEN, "ner.example.com"),
        (OPEN, "ner.default.svc.cluster.local:80"),
        (Access(allowed=["*"]), "whatever.example"),
    ],
)
def test_a_name_of_the_service_is_known(access: Access, host: str) -> None:
    assert complaint(access, host=host) is None


@pytest.mark.parametrize(
    ("access", "host"),
    [
        (LOCAL, "evil.example"),
        (LOCAL, "evil.example:8000"),
        (LOCAL, "localhost.evil.example"),
        (LOCAL, "127.0.0.1.evil.example"),
        (LOCAL, "192.0.2.1"),
        (LOCAL, "0.0.0.0:8000"),
        (LOCAL, "2130706433"),
        (LOCAL, "localhost:8000@evil.example"),
        (LOCAL, "localhost/evil"),
        (LOCAL, "[::1"),
        (LOCAL, "\xff"),
        (LOCAL, ""),
        (OPEN, "evil.example"),
        (OPEN, "ner.example.com.evil.example"),
        (OPEN, "a.ner.example.com"),
        (OPEN, "cluster.local.evil"),
    ],
)
def test_another_name_is_refused(access: Access, host: str) -> None:
    found = complaint(access, host=host)
    assert found is not None
    assert "--allowed-hosts" in found
    assert "\n" not in found


@pytest.mark.parametrize(
    ("headers", "is_welcome"),
    [
        ({"origin": "http://localhost:8000"}, True),
        ({"origin": "http://localhost:8000", "sec_fetch_site": "same-origin"}, True),
        ({"origin": "https://ner.example.com", "host": "ner.example.com"}, True),
        ({"origin": "http://ner.example.com", "host": "ner.example.com:80"}, True),
        # A proxy that calls the service by another name than the browser calls the proxy.
        ({"origin": "https://ner.example.com", "sec_fetch_site": "same-origin", "host": "10.0.0.1:8000"}, True),
        ({"sec_fetch_site": "none"}, True),
        ({"origin": "http://localhost:3000"}, False),
        ({"origin": "https://localhost:8000.evil.example"}, False),
        ({"origin": "http://evil.example", "sec_fetch_site": "cross-site"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "file://"}, False),
        ({"origin": "http://localhost:8000@evil.example"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, False),
    ],
)
def test_a_page_of_another_origin_is_refused(headers: dict[str, str], is_welcome: bool) -> None:
    assert (complaint(OPEN, **{"host": "localhost:8000", **headers}) is None) is is_welcome


def test_a_link_leads_to_the_page_but_no_frame_or_script_of_another_site() -> None:
    followed = {"host": "localhost", "sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert complaint(LOCAL, "GET", **followed, sec_fetch_dest="document") is None
    assert complaint(LOCAL, "GET", **followed, sec_fetch_dest="iframe") is not None
    assert complaint(LOCAL, "GET", host="localhost", sec_fetch_site="cross-site", sec_fetch_mode="no-cors") is not None


def test_the_strictest_of_several_headers_counts() -> None:
    own, other = (b"origin", b"http://localhost"), (b"origin", b"http://evil.example")
    assert LOCAL.complaint("POST", [(b"host", b"localhost"), own, other]) is not None
    assert LOCAL.complaint("POST", [(b"host", b"localhost"), (b"Host", b"evil.example")]) is not None


def test_programs_of_http_1_0_need_no_name() -> None:
    assert LOCAL.complaint("GET", []) is None


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running_service() as found:
        yield found


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/openapi.json", "/page.js", "/nothing"])
def test_no_route_is_reached_by_a_foreign_name(service: RunningService, path: str) -> None:
    answer = service.client.get(path, headers={"Host": "evil.example"})
    assert (answer.status_code, list(answer.json())) == (403, ["error"])
    assert '"evil.example"' in answer.json()["error"]


def test_a_page_elsewhere_can_neither_post_nor_ask_whether_it_may(service: RunningService) -> None:
    service.stub.batches.clear()
    body = b'{"text": "Ada"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "text/plain; application/json", "", "json"):
        answer = service.post(body, **{"Content-Type": kind})
        assert (answer.status_code, "application/json" in answer.json()["error"]) == (415, True)
    assert service.client.post("/tag", content=body).status_code == 415
    evil = {"Origin": "http://evil.example"}
    assert service.post(body, **evil).status_code == 403
    asked = service.client.options("/tag", headers={**evil, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 403
    assert not [name for name in asked.headers if name.startswith("access-control")]
    assert service.stub.batches == []
    assert service.post(body, **{"Content-Type": "Application/JSON; charset=utf-8"}).status_code == 200
    assert service.post(body, Origin=f"http://127.0.0.1:{service.port}").status_code == 200
