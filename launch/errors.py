"""The errors of launching that a user can mend; the command line shows their one sentence."""

from __future__ import annotations

from ner_dist.errors import UserError


class LaunchError(UserError):
    """Something of the hosts, the settings or the system stands in the way of a start."""


class UsageError(LaunchError):
    """A command line that says something which does not exist, or contradicts itself."""
