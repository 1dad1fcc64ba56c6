"""Job files, and other paths that a command line of training names."""

from __future__ import annotations

import os
from pathlib import Path

from ner_dist.config.checks import ConfigError
from ner_dist.errors import UserError
from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.local_paths import local_path
from ner_dist.stores.addresses import Address, path_or_address

# The project's job files: in a checkout, and in an installed copy.
_JOB_FOLDERS = [Path(__file__).parents[2] / "job", Path(__file__).parents[1] / "jobs"]


def job_file(name: str) -> Path:
    """The job file at that path, or for job/NAME.yaml that of this project. Raises ConfigError if there is none."""
    require_local(name, "--config")
    if os.path.exists(name):
        return Path(name)
    if name.startswith("job/"):
        for folder in _JOB_FOLDERS:
            if (folder / name[4:]).is_file():
                return folder / name[4:]
    known = sorted({f"job/{path.name}" for folder in _JOB_FOLDERS for path in folder.glob("*.yaml")})
    raise ConfigError(f"the job file {name} does not exist; write one, or choose one of {', '.join(known)}")


def require_place(path: str, option: str) -> Path | Address:
    """A path, or an address in a store. Raises ConfigError for one that cannot be."""
    try:
        return path_or_address(path, option)
    except UserError as error:
        raise ConfigError(str(error)) from error


def require_local(path: str, option: str) -> None:
    try:
        local_path(path, option)
    except ForeignFileError as error:
        raise ConfigError(str(error)) from error
