"""Checks Kubernetes objects against the published schemas, strictly: an unknown field is an error.

A cluster silently drops such a field, so applying the file would not show the mistake.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from pathlib import Path
from typing import Any

import kubernetes_validate
from jsonschema import Draft202012Validator
from kubernetes_validate.utils import all_versions
from referencing import Registry, Resource

# The oldest and the newest Kubernetes of the package.
VERSIONS = [all_versions()[0], all_versions()[-1]]


def mistakes(document: dict[str, Any], version: str) -> list[str]:
    """What is wrong with an object for a version of Kubernetes, each as `where: what`."""
    if document.get("kind") == "MPIJob":
        errors = _mpi_job(version).iter_errors(document)
        return sorted(f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors)
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}"]
    return []


@functools.cache
def _mpi_job(version: str) -> Draft202012Validator:
    folder = resources.files("kubernetes_validate") / "kubernetes-json-schema" / f"v{version}-local-strict"
    definitions = Resource.from_contents(json.loads((folder / "_definitions.json").read_text(encoding="utf-8")))
    schema = json.loads(Path(__file__).with_name("mpijob_schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, registry=definitions @ Registry())
