"""Who may use the service: no page but its own, and nobody by a name that the service does not know as its own.

A browser on this machine reaches a service on localhost, whoever wrote the page that it shows. Three things tell such
a page from the service's own: the name in Host (a page whose own name was made to point here, by DNS rebinding), Origin
and Sec-Fetch-Site. Programs that are no browsers send neither of the last two.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_PLACE = re.compile(r"(?P<name>\[[0-9a-fA-F:.%]+\]|[^\s\[\]:/@?#\\]+)(?::(?P<port>\d{1,5}))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_SHOWN = 60


class _Place(NamedTuple):
    name: str
    # None: the default of the scheme.
    port: str | None


class Access:
    def __init__(self, bound: str = "127.0.0.1", host: str = "127.0.0.1", allowed: Sequence[str] = ()) -> None:
        """bound: the address that the service listens on. host, allowed: see ServerSettings."""
        self._is_local = _is_loopback(bound)
        self._allowed = [name.lower().rstrip(".") for name in allowed]
        self._names = {"localhost", host.lower()}
        if not self._is_local:
            own = socket.gethostname().lower()
            self._names |= {own, own.split(".")[0]}

    def complaint(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """A sentence if a request with this head must be refused."""
        values: dict[bytes, list[str]] = {}
        for name, value in headers:
            values.setdefault(name.lower(), []).append(value.decode("latin-1"))
        # HTTP/1.0 has no Host, and no browser speaks it.
        hosts = values.get(b"host", [])
        for host in hosts:
            if not self._knows(host):
                return (
                    f"the service is not known by the name {_shown(host)}; call it by its address, or start it with "
                    "--allowed-hosts and this name"
                )
        origins = values.get(b"origin", [])
        for origin in origins:
            if not self._is_own(origin, hosts):
                return f"pages of {_shown(origin)} may not use this service (--allowed-hosts)"
        # Origin is the more exact of the two, where both are sent.
        if not origins and not _is_called_for(method, values):
            return "pages of other sites may not use this service"
        return None

    def _knows(self, host: str) -> bool:
        place = _parse(host)
        if place is None:
            return False
        if place.name in self._names or self._is_allowed(place.name) or "*" in self._allowed:
            return True
        # No page can have an address as its name but one that is served there: rebinding needs a name. So probes by a
        # pod's address, and containers whose port is published at another address, work without an option.
        return _is_loopback(place.name) if self._is_local else _is_address(place.name)

    def _is_allowed(self, name: str) -> bool:
        return any(name == entry or (entry.startswith(".") and f".{name}".endswith(entry)) for entry in self._allowed)

    def _is_own(self, origin: str, hosts: Sequence[str]) -> bool:
        """Whether an origin is the service itself, as the client calls it, or one that is allowed."""
        scheme, _, rest = origin.partition("://")
        place = _parse(rest)
        if scheme not in _DEFAULT_PORTS or place is None:
            return False
        if self._is_allowed(place.name):
            return True
        default = _DEFAULT_PORTS[scheme]
        own = [_parse(host) for host in hosts]
        return any(o and (o.name, o.port or default) == (place.name, place.port or default) for o in own)


def guarded(app: ASGIApp, access: Access) -> ASGIApp:
    """An ASGI application that only those who may use it reach; others are answered with status 403."""

    async def guarded_app(scope: Scope, receive: Receive, send: Send) -> None:
        complaint = access.complaint(scope["method"], scope["headers"])
        if complaint is None:
            await app(scope, receive, send)
        else:
            await JSONResponse({"error": complaint}, 403)(scope, receive, send)

    return guarded_app


def _is_called_for(method: str, values: dict[bytes, list[str]]) -> bool:
    """Whether the browser says that the service's own page asks, or its user, or that a link leads to the page."""
    sites = values.get(b"sec-fetch-site", [])
    follows_link = (
        method in ("GET", "HEAD")
        and values.get(b"sec-fetch-mode") == ["navigate"]
        and values.get(b"sec-fetch-dest") == ["document"]
    )
    return follows_link or all(site in ("same-origin", "none") for site in sites)


def _parse(text: str) -> _Place | None:
    found = _PLACE.fullmatch(text)
    return found and _Place(found["name"].lower().rstrip("."), found["port"])


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    if not _is_address(name):
        return False
    address = ipaddress.ip_address(name.strip("[]"))
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _shown(text: str) -> str:
    return json.dumps(text[:_SHOWN])
