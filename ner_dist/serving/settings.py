"""The settings of the service, which are also the options of ner_dist.serve."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Optional

from ner_dist.cli.options import option

_LIMITS, _BATCHES, _CONNECTIONS, _ACCESS = "limits of requests", "batches", "connections", "access"
_LOOKING_AFTER = "looking after it"


@dataclasses.dataclass(frozen=True)
class Limits:
    """Requests beyond these are refused; together they bound the memory and time that one and all requests take."""

    max_body: int = option(1 << 20, least=1, metavar="BYTES", group=_LIMITS)
    """largest body of a request"""
    max_texts: int = option(128, least=1, group=_LIMITS)
    """most texts, or sentences of tokens, of a request"""
    max_characters: int = option(10_000, least=1, group=_LIMITS)
    """most characters of a text, of a sentence's tokens joined by spaces, and of a batch of several texts"""
    max_tokens: int = option(512, least=1, group=_LIMITS)
    """most tokens of a sentence that comes as tokens"""
    max_queue: int = option(1024, least=1, group=_LIMITS)
    """most waiting texts of all requests; more are refused with status 503"""
    max_pending: int = option(64 << 20, least=1, metavar="BYTES", group=_LIMITS)
    """most bytes of bodies and answers of all requests at a time; more are refused with status 503"""
    light_body: int = option(512, least=0, metavar="BYTES", group=_LIMITS)
    """largest body of a request that is tagged at once; larger ones are tagged by a second process of lower priority,
    in turn, so that small ones do not wait for them"""
    timeout_s: float = option(30.0, least=0.001, names=("--timeout",), metavar="S", group=_LIMITS)
    """seconds from a request's first byte to its answer"""


@dataclasses.dataclass(frozen=True)
class BatchSettings:
    """How texts are combined into batches."""

    max_batch: int = option(64, least=1, group=_BATCHES)
    """most texts that are tagged together"""
    max_wait_ms: float = option(0.0, least=0, names=("--max-wait",), metavar="MS", group=_BATCHES)
    """milliseconds to wait until a batch is full; texts that arrive while the model works are tagged together anyway"""


@dataclasses.dataclass(frozen=True)
class ServerSettings:
    """Where and how the service listens."""

    host: str = option("127.0.0.1", metavar="HOST")
    """address to listen on; 0.0.0.0 for all"""
    port: int = option(8000, least=0, most=65535, metavar="PORT")
    """port to listen on; 0 for any free one"""
    grace_s: float = option(10.0, least=0, names=("--grace",), metavar="S", group=_CONNECTIONS)
    """seconds that requests in flight have to finish when the service is told to end"""
    max_connections: int = option(512, least=1, group=_CONNECTIONS)
    """most open connections; beyond them an idle one is closed, or the new one refused if none is idle"""
    allowed_hosts: tuple[str, ...] = option((), metavar="NAME", group=_ACCESS)
    """names that clients may call the service by (their header Host), besides localhost, addresses, and this machine's
    own; .example.com: also all below it; *: any, which lets pages of other sites in by DNS rebinding"""
    processes: int = option(2, least=1, most=2, group=_CONNECTIONS)
    """1: no second process for large requests, which halves the memory, and small requests wait for large ones"""
    drain_s: float = option(0.0, least=0, names=("--drain",), metavar="S", group=_CONNECTIONS)
    """seconds that it goes on accepting requests when it is told to end, while /readyz is 503 already: as long as
    those who send requests need to notice"""
    token_file: Optional[Path] = option(None, metavar="FILE", group=_ACCESS)
    """file with the bearer token that requests need, or one on each line; NER_SERVE_TOKEN has it if not given"""
    token_for: str = option("requests", choices=("requests", "all"), group=_ACCESS)
    """all: /healthz, /livez, /readyz and /metrics need the token, too"""
    access_log: str = option("-", metavar="FILE|-|off", group=_LOOKING_AFTER)
    """where a line of JSON goes for each request; -: to stdout"""
    log_texts: bool = option(False, group=_LOOKING_AFTER)
    """these lines have the bodies of requests, too, which are else never written anywhere"""
    no_examples: bool = option(False, group=_ACCESS)
    """offer no sentences of the model's dev data on the page and in /models"""
    watch_s: float = option(0.0, least=0, names=("--watch",), metavar="S", group=_LOOKING_AFTER)
    """look every so many seconds whether a directory has another model, and load it as on SIGHUP; 0: never"""
