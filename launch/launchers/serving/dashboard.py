"""The Grafana dashboard of the service, a row for each panel, as JSON that Grafana provisions or imports."""

from __future__ import annotations

from typing import Any, NamedTuple

from launch.launchers.serving.serving_options import ServingOptions

# Of Grafana's grid, which is 24 wide.
_WIDTH, _HEIGHT = 8, 8
_COLUMNS = 24 // _WIDTH
# Which of Grafana's data sources the panels ask; the first variable of the dashboard.
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Of its format that this JSON has; later versions of Grafana convert it.
_SCHEMA_VERSION = 39
_TAG = 'path=~"/tag|/batch"'


class _Panel(NamedTuple):
    title: str
    # What it tells, for the (i) beside the title.
    meaning: str
    unit: str
    # Legend and expression of each line, in which $job stands for the selector of the chosen instances.
    lines: dict[str, str]
    kind: str = "timeseries"


def _quantile(share: float, buckets: str, by: str = "") -> str:
    return f"histogram_quantile({share}, sum by (le{by}) (rate({buckets}[$__rate_interval])))"


def _latency(share: float) -> str:
    return _quantile(share, f"ner_request_seconds_bucket{{$job,{_TAG}}}")


def _rate(counter: str, by: str = "") -> str:
    return f"sum{f' by ({by})' if by else ''} (rate({counter}[$__rate_interval]))"


def _share_of_requests(which: str) -> str:
    # Not of probes, which are told 503 while an instance starts or ends.
    requests = f"ner_requests_total{{$job,{_TAG}"
    return f"{_rate(f'{requests},{which}}}')} / {_rate(f'{requests}}}')}"


_PANELS = (
    _Panel(
        "Models",
        "The models that answer now, by name and version, and the route of each.",
        "none",
        {"{{route}} {{model}}": "sum by (route, model) (ner_model_info{$job})"},
        "stat",
    ),
    _Panel("Ready", "Instances that take requests.", "none", {"ready": "sum(ner_ready{$job})"}, "stat"),
    _Panel(
        "New versions",
        "Loaded, or refused because they could not be.",
        "none",
        {"{{outcome}}": "sum by (outcome) (increase(ner_reloads_total{$job}[$__rate_interval]))"},
    ),
    _Panel(
        "Requests",
        "Each second, by path and status. 499: the client went away; 503: too much was waiting.",
        "reqps",
        {"{{path}} {{status}}": _rate("ner_requests_total{$job}", "path, status")},
    ),
    _Panel(
        "Time to the answer",
        "Of requests to tag: half, nine tenths and all but the slowest hundredth take less.",
        "s",
        {f"p{100 * share:g}": _latency(share) for share in (0.5, 0.9, 0.99)},
    ),
    _Panel(
        "Failed and refused",
        "Shares of the requests to tag.",
        "percentunit",
        {
            "failed": _share_of_requests('status=~"5..",status!="503"'),
            "refused": _share_of_requests('status="503"'),
        },
    ),
    _Panel(
        "Waiting",
        "Texts that wait to be tagged, and large requests at the second process.",
        "short",
        {"texts": "sum(ner_queue_texts{$job})", "large requests": "sum(ner_large_requests{$job})"},
    ),
    _Panel(
        "Texts tagged together",
        "The more at once, the busier it is.",
        "short",
        {
            "mean": f"{_rate('ner_batch_texts_sum{$job}')} / {_rate('ner_batch_texts_count{$job}')}",
            "p99": _quantile(0.99, "ner_batch_texts_bucket{$job}"),
        },
    ),
    _Panel("Tokens", "Each second, by model.", "short", {"{{model}}": _rate("ner_tokens_total{$job}", "model")}),
    _Panel(
        "Known words",
        "Share of the tokens that are words of the model. If it falls, texts have changed.",
        "percentunit",
        {"{{model}}": f"{_rate('ner_known_tokens_total{$job}', 'model')} / {_rate('ner_tokens_total{$job}', 'model')}"},
    ),
    _Panel(
        "Entities by type",
        "For each thousand tokens. If the shares change, texts or model have.",
        "short",
        {
            "{{type}}": f"1000 * {_rate('ner_entities_total{$job}', 'type')} / ignoring (type) group_left () "
            f"{_rate('ner_tokens_total{$job}')}"
        },
    ),
    _Panel(
        "Cores in use",
        "Of the service's process, and of the second one for large requests.",
        "short",
        {
            "{{instance}}": _rate("process_cpu_seconds_total{$job}", "instance"),
            "{{instance}} large": _rate("ner_large_cpu_seconds{$job}", "instance"),
        },
    ),
    _Panel(
        "Memory",
        "Of the service's process.",
        "bytes",
        {"{{instance}}": "process_resident_memory_bytes{$job}"},
    ),
)


def dashboard(options: ServingOptions) -> dict[str, Any]:
    """The content of its JSON file."""
    panels = [_panel(number, panel) for number, panel in enumerate(_PANELS)]
    return {
        "title": f"Entities: {options.name}",
        "uid": f"ner-dist-{options.name}"[:40],
        "description": "Made by ner-dist launch serving.",
        "tags": ["ner-dist"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": _variables(options)},
        "annotations": {"list": []},
        "panels": panels,
    }


def _variables(options: ServingOptions) -> list[dict[str, Any]]:
    jobs = "label_values(ner_ready, job)"
    chosen = {"text": options.name, "value": options.name}
    return [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
        {
            "name": "job",
            "label": "Service",
            "type": "query",
            "datasource": _SOURCE,
            "query": {"query": jobs, "refId": "job"},
            "definition": jobs,
            "refresh": 2,
            "current": chosen,
        },
    ]


def _panel(number: int, panel: _Panel) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + place),
            "datasource": _SOURCE,
            "expr": expression.replace("$job", 'job="$job"'),
            "legendFormat": legend,
        }
        for place, (legend, expression) in enumerate(panel.lines.items())
    ]
    row, column = divmod(number, _COLUMNS)
    return {
        "id": number + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.meaning,
        "datasource": _SOURCE,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"textMode": "name"} if panel.title == "Models" else {},
        "targets": targets,
    }
