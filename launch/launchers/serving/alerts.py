"""When somebody is told that the service does not run well: Prometheus' alert rules, a row for each."""

from __future__ import annotations

from typing import Any, NamedTuple

from launch.launchers.serving.serving_options import ServingOptions


class _Alert(NamedTuple):
    name: str
    # In it, $job stands for the selector of the service's own series.
    expression: str
    # How long it must hold.
    minutes: int
    severity: str
    # One line, and what to look at.
    summary: str
    advice: str


def rules(options: ServingOptions) -> dict[str, Any]:
    """The content of a rule file."""
    selector = f'job="{options.name}"'
    found = [
        {
            "alert": alert.name,
            "expr": alert.expression.replace("$job", selector),
            "for": f"{alert.minutes}m",
            "labels": {"severity": alert.severity},
            "annotations": {"summary": f"{options.name}: {alert.summary}", "description": alert.advice},
        }
        for alert in (*_running(), *_answering(options), *_loaded(options))
    ]
    return {"groups": [{"name": options.name, "rules": found}]}


def _running() -> list[_Alert]:
    return [
        _Alert(
            "NerDown",
            "up{$job} == 0 or absent(up{$job})",
            1,
            "critical",
            "an instance does not answer, or none is there",
            "Prometheus could not read its metrics. See its log, and whether it was ended for its memory.",
        ),
        _Alert(
            "NerNotReady",
            "ner_ready{$job} == 0",
            2,
            "critical",
            "an instance runs but takes no requests",
            "GET /readyz says why.",
        ),
        _Alert(
            "NerReloadFailed",
            'increase(ner_reloads_total{$job,outcome="failed"}[15m]) > 0',
            0,
            "warning",
            "a new version of the model could not be loaded; the old one goes on",
            "The log names what is wrong with it.",
        ),
    ]


def _answering(options: ServingOptions) -> list[_Alert]:
    # Not of probes, which are told 503 while an instance starts or ends.
    counted = 'sum by (job) (rate(ner_requests_total{$job,path=~"/tag|/batch"%s}[5m]))'
    share = f"{counted} / {counted % ''}"
    limit = f"{options.error_share:g}"
    percent = f"{100 * options.error_share:g} %"
    times = 'rate(ner_request_seconds_bucket{$job,path=~"/tag|/batch"}[5m])'
    quantile = f"histogram_quantile(0.99, sum by (job, le) ({times}))"
    failed, refused = share % ',status=~"5..",status!="503"', share % ',status="503"'
    return [
        _Alert(
            "NerErrors",
            f"{failed} > {limit}",
            5,
            "critical",
            f"more than {percent} of the requests fail",
            "The log has the traceback of each.",
        ),
        _Alert(
            "NerRefusing",
            f"{refused} > {limit}",
            5,
            "warning",
            f"more than {percent} of the requests are refused, because too much is waiting",
            "Add instances or cores, or ask clients to send less at a time.",
        ),
        _Alert(
            "NerSlow",
            f"{quantile} > {options.latency_seconds:g}",
            10,
            "warning",
            f"the slowest hundredth of the requests takes more than {options.latency_seconds:g} s",
            "Look at the queue, the cores in use, and the lengths of texts.",
        ),
    ]


def _loaded(options: ServingOptions) -> list[_Alert]:
    known = "sum by (job) (rate(ner_known_tokens_total{$job}[30m])) / sum by (job) (rate(ner_tokens_total{$job}[30m]))"
    found = [
        _Alert(
            "NerQueueGrowing",
            f"ner_queue_texts{{$job}} > {options.queue_texts} and deriv(ner_queue_texts{{$job}}[5m]) > 0",
            5,
            "warning",
            f"more than {options.queue_texts} texts are waiting, and they become more",
            "It gets more than it can tag. Add instances or cores.",
        ),
        _Alert(
            "NerLargeRefused",
            "ner_large_ready{$job} == 0",
            2,
            "warning",
            "large requests are refused",
            "The process that tags them ended and does not start again. If it ended for its memory, raise --memory.",
        ),
        _Alert(
            "NerMemory",
            f"process_resident_memory_bytes{{$job}} > {int(0.9 * options.memory_bytes / int(options.processes))}",
            10,
            "warning",
            "a process uses nine tenths of its share of the memory",
            "It is ended beyond its limit. Raise --memory, or lower --max-pending of serve.",
        ),
    ]
    if options.known_share:
        found.append(
            _Alert(
                "NerUnknownWords",
                f"{known} < {options.known_share:g}",
                30,
                "info",
                f"the model knows less than {100 * options.known_share:g} % of the words",
                "The texts are of another language or subject than its corpus, or they are cut in another way.",
            )
        )
    return found
