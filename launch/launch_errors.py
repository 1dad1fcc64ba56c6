"""The errors of launching that a user can repair. Their text is the whole message."""

from __future__ import annotations

from ner_dist.errors import UserError


class LaunchError(UserError):
    """A host, a setting or the system prevents the start."""


class UsageError(LaunchError):
    """The command line is wrong; the exit code is 2."""
