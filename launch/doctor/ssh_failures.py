"""Why ssh did not reach a host, read from what it said, and the commands that mend it."""

from __future__ import annotations

import re
from typing import NamedTuple

from launch.doctor.finding import as_root

# What OpenSSH says -> what it means, and what to type; {host}, {known} (its file of keys) are filled in.
_ACCEPT = "ssh -o StrictHostKeyChecking=accept-new {host} true"
_COMPARE = "   # then compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on {host}"
_MEANINGS = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* has changed",
        "its host key is another than before: it was installed anew, or somebody is in between",
        ("ssh-keygen -f {known} -R {host}", _ACCEPT + _COMPARE),
    ),
    (r"Host key verification failed", "its host key is unknown here", (_ACCEPT + _COMPARE,)),
    (
        r"Permission denied|Too many authentication failures",
        "it does not let this user in without a password",
        ("[ -f ~/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519", "ssh-copy-id {host}"),
    ),
    (
        r"Connection refused",
        "it answers, but no sshd listens at the port",
        ("# on {host}: {root}", "# or name another port in ~/.ssh/config"),
    ),
    (
        r"Could not resolve hostname|Name or service not known|Temporary failure in name resolution",
        "its name does not resolve",
        ("echo 'ADDRESS {host}' | {tee}   # ADDRESS: that of {host}",),
    ),
    (
        r"timed out|no answer within|No route to host|Network is unreachable|Connection closed by remote host",
        "it does not answer: it is down, or a firewall drops what it is sent",
        ("ping -c 3 {host}", "# on {host}, if ping is answered: {firewall}"),
    ),
    (r"has no ssh", "there is no ssh on this machine", ("{client}",)),
)


class Why(NamedTuple):
    # The rest of a sentence about the host.
    what: str
    fix: tuple[str, ...]


def explain(host: str, said: str, client: str) -> Why:
    """What ssh's standard error means. client: the command that installs ssh."""
    named = re.search(r"Offending \S+ key in (\S+):\d+", said)
    words = {
        "host": host,
        "known": named[1] if named else "~/.ssh/known_hosts",
        "root": as_root("systemctl enable --now ssh"),
        "tee": as_root("tee -a /etc/hosts"),
        "firewall": as_root("ufw allow 22/tcp"),
        "client": client,
    }
    for pattern, what, fix in _MEANINGS:
        if re.search(pattern, said):
            return Why(what, tuple(line.format(**words) for line in fix))
    last = [line for line in said.splitlines() if line.strip()]
    return Why(f"ssh failed: {last[-1].strip() if last else 'it said nothing'}", (f"ssh -v {host} true",))
