"""Writes the files that run and watch the service into a directory. Nothing is sent to a cluster or a machine."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from launch.launch_errors import LaunchError
from launch.launchers import text_output
from launch.launchers.kubernetes_text import as_json, dump, in_block_style
from launch.launchers.serving.alerts import rules
from launch.launchers.serving.dashboard import dashboard
from launch.launchers.serving.serving_options import ServingOptions, check

__all__ = ["ServingOptions", "files", "launch"]

# In each file, so that it is known for one of ours.
_MADE = "Made by ner-dist launch serving"
# In a container: the folder of models that are mounted, and a model that its image has.
_MODELS, _IN_IMAGE = "/models", "/model"
_TEMPLATES = (
    "compose.yaml",
    "kubernetes.yaml",
    "prometheus.yaml",
    "scrape-kubernetes.yaml",
    "grafana/datasource.yaml",
    "grafana/dashboards.yaml",
)
_HEADER = f"# {_MADE}, which overwrites changes here.\n"


def launch(options: ServingOptions) -> int:
    """Write the files. Raises UserError; then no file has changed unless the disk failed in between."""
    place = Path(options.out)
    texts = files(options)
    if place.exists() and not place.is_dir():
        raise LaunchError(f"serving: {place} is no directory, expected one to write into; choose another --out")
    for name in texts:
        _require_ours(place / name)
    try:
        (place / "grafana").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LaunchError(f"serving: {place} could not be made ({error.strerror}); choose another --out") from error
    for name, text in texts.items():
        text_output.write(text, str(place / name))
    print(f"{place} is written: {', '.join(texts)}", file=sys.stderr)
    return 0


def files(options: ServingOptions) -> dict[str, str]:
    """The text of each file, by its name in the directory. Raises LaunchError."""
    check(options)
    folder = Path(__file__).parent
    model = Path(os.path.abspath(options.model))
    values = {
        "options": options,
        "made": _MADE,
        "serve": _serve_arguments(options),
        "token": ["--token-file", "/run/secrets/ner/token"],
        # The folder around the model is mounted: a new version swaps the model's own, which a mount would not notice.
        "models": _MODELS,
        "compose_model": f"{_MODELS}/{model.name}" if options.model else _IN_IMAGE,
        "claim_model": f"{_MODELS}/{options.claim_path}".rstrip("/") if options.claim else _IN_IMAGE,
        "secrets": [{"name": secret} for secret in options.pull_secrets],
        # Compose would look for them beside its file.
        "models_folder": str(model.parent) if options.model else "",
        "token_file": os.path.abspath(options.token_file) if options.token_file else "",
    }
    texts = {
        name: text_output.render(folder / f"{Path(name).name}.j2", {"json": as_json, "compose": _for_compose}, **values)
        for name in _TEMPLATES
    }
    texts["kubernetes.yaml"] = in_block_style(texts["kubernetes.yaml"])
    texts["alerts.yaml"] = _HEADER + dump(rules(options))
    texts["grafana/ner-dist.json"] = json.dumps(dashboard(options), indent=1, ensure_ascii=False) + "\n"
    return texts


def _serve_arguments(options: ServingOptions) -> list[str]:
    """The command line of the service, behind its own name and the model's place."""
    name, namespace = options.name, options.namespace
    # What others in compose and in the cluster call it by.
    hosts = [name, f"{name}.{namespace}" if namespace else "", ".svc", ".svc.cluster.local", *options.allowed_hosts]
    return [
        *("--host", "0.0.0.0", "--port", str(options.port)),
        *("--processes", options.processes, "--grace", str(options.grace_seconds)),
        *("--allowed-hosts", *filter(None, hosts)),
        *map(str, options.arguments),
    ]


def _for_compose(value: Any) -> str:
    """A value in compose's YAML, which replaces $NAME in texts unless the $ is doubled."""
    return as_json(value).replace("$", "$$")


def _require_ours(path: Path) -> None:
    """Raises LaunchError if there is something that this command has not written."""
    try:
        begins = path.read_bytes()[:2048].decode("utf-8", "replace") if path.exists() else _MADE
    except OSError as error:
        raise LaunchError(f"serving: {path} could not be read ({error.strerror}); choose another --out") from error
    if _MADE not in begins:
        raise LaunchError(
            f"serving: {path} was not written by this command, so it is kept; move it, or choose another --out"
        )
