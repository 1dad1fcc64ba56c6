"""Hosts for tests on one machine: network namespaces with addresses, names, processes and an sshd of their own.

    with namespace_hosts.started(folder) as hosts:           # skips the test, with the reason, where it cannot be
        hosts.names                                          # ["node1", "node2"], which resolve on each of them
        hosts.run("node1", ["ssh", "node2", "hostname"])     # -> processes.Finished
        with Job(hosts.command("node1", [...]), folder): ...  # the same, under way

The hosts see this machine's files, so these are a shared file system; the paths in `private` each host has for
itself. Nothing outside of the namespaces is changed, and all of it goes with the processes that hold them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest
from processes import ROOT, Finished, run

_TOOLS = ("ip", "unshare", "nsenter", "mount", "ssh", "ssh-keygen", "sshd")
_START_S = 20
# From prctl.h: a signal for this process when its parent dies.
_PR_SET_PDEATHSIG = 1
# The first process of a host, in its own namespaces; $1 is the host's folder, $2 its name and $3 its address. It
# becomes sshd, which also adopts orphaned processes.
_BOOT = """
set -e
cd "$1"
hostname "$2"
ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
ip address add "$3/24" dev eth0
ip link set eth0 up
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd
for name in hosts shadow resolv.conf; do mount --bind "$1/$name" "$(readlink -f "/etc/$name")"; done
mount --bind "$1/ssh" /etc/ssh
while read -r own place; do mount --bind "$own" "$place"; done < private
exec "$(command -v sshd)" -D -E "$1/sshd.log" -f /etc/ssh/sshd_config
"""
_SSHD = """ListenAddress 0.0.0.0
HostKey {folder}/host_key
AuthorizedKeysFile {keys}/key.pub
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
MaxStartups 100
"""
_CLIENT = """Host *
  IdentityFile {keys}/key
  UserKnownHostsFile {folder}/known_hosts
"""


class Hosts:
    """Hosts that are up, by name."""

    def __init__(self, folder: Path, addresses: dict[str, str], switch: subprocess.Popen[bytes]) -> None:
        self.names = list(addresses)
        self.addresses = addresses
        self._folder, self._switch = folder, switch
        self._holders: dict[str, subprocess.Popen[bytes]] = {}

    def command(self, name: str, command: list[str], folder: Path = ROOT, **variables: str) -> list[str]:
        """The command line, for this machine, that runs a command on a host: in a folder, with more variables."""
        settings = [f"{key}={value}" for key, value in variables.items()]
        return ["nsenter", *self._namespaces(name), f"--wdns={folder}", "env", *settings, *map(str, command)]

    def run(self, name: str, command: list[str], folder: Path = ROOT, timeout_s: int = 120, **more: str) -> Finished:
        """Run a command on a host to its end: in a folder, with more environment variables."""
        return run(self.command(name, command, folder, **more), ROOT, timeout_s)

    def processes(self, name: str) -> list[psutil.Process]:
        """All processes of a host but its sshd and what that has started for connections."""
        namespace = os.readlink(f"/proc/{self._first(name)}/ns/pid")
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                own = os.readlink(f"/proc/{process.pid}/ns/pid") == namespace
                if own and process.status() != psutil.STATUS_ZOMBIE and not process.name().startswith("sshd"):
                    found.append(process)
        return found

    def stop(self, name: str) -> None:
        """Take a host down with all of its processes, at once."""
        holder = self._holders.pop(name)
        # When the first process of a PID namespace ends, all others end.
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(self._child(holder)).kill()
        holder.kill()
        holder.wait()

    def ssh_config(self, name: str) -> Path:
        """The file that ssh reads on a host, to be added to."""
        return self._folder / name / "ssh" / "ssh_config"

    def hosts_file(self, name: str) -> Path:
        """What is /etc/hosts on a host; write into it, do not replace it."""
        return self._folder / name / "hosts"

    def private(self, name: str, place: Path) -> Path:
        """Where on this machine lies what a host has at a place of its own."""
        return self._folder / name / "own" / str(place).strip("/").replace("/", "_")

    def _namespaces(self, name: str) -> list[str]:
        return ["--target", str(self._first(name)), "--net", "--uts", "--mount", "--pid"]

    def _first(self, name: str) -> int:
        return self._child(self._holders[name])

    @staticmethod
    def _child(holder: subprocess.Popen[bytes]) -> int:
        return psutil.Process(holder.pid).children()[0].pid

    def start(self, name: str) -> None:
        """Boot a host whose folder is there, also again after a stop, and plug it in."""
        apart = ["--net", "--uts", "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc"]
        boot = ["sh", "-c", _BOOT, "boot", str(self._folder / name), name, self.addresses[name]]
        with (self._folder / name / "boot.log").open("wb") as log:
            self._holders[name] = _held(["unshare", *apart, "--kill-child", "--", *boot], log)
        # Until it has left this machine's network.
        holder = self._holders[name].pid
        _until(lambda: os.readlink(f"/proc/{holder}/ns/net") != os.readlink("/proc/self/ns/net"))
        plug = ["link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(holder)]
        for words in (plug, ["link", "set", name, "master", "switch"], ["link", "set", name, "up"]):
            _checked(["nsenter", "--target", str(self._switch.pid), "--net", "ip", *words])

    def wait(self, name: str) -> None:
        """Until a host answers ssh, from itself."""

        def answers() -> bool:
            assert self._holders[name].poll() is None, (self._folder / name / "boot.log").read_text()
            with contextlib.suppress(IndexError):
                return self.run(name, ["ssh", "-oBatchMode=yes", "-oStrictHostKeyChecking=no", name, "true"]).code == 0
            return False

        _until(answers)


@contextlib.contextmanager
def started(
    folder: Path, num_hosts: int = 2, private: tuple[Path, ...] = (), own_name_is_loopback: bool = False
) -> Iterator[Hosts]:
    """Hosts node1, node2, ... that are up; skips the test if this machine cannot have them.

    folder: for their files, new or empty. private: existing directories that each host has, empty, for itself.
    own_name_is_loopback: on each host its own name is 127.0.1.1, as Debian's installer writes it into /etc/hosts.
    """
    skip_if_impossible()
    folder.mkdir(parents=True, exist_ok=True)
    addresses = {f"node{number}": f"10.99.0.{number}" for number in range(1, num_hosts + 1)}
    _checked(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")])
    switch = _held(["unshare", "--net", "--", "sleep", "infinity"])
    hosts = Hosts(folder, addresses, switch)
    try:
        _until(lambda: os.readlink(f"/proc/{switch.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        for words in (["link", "add", "switch", "type", "bridge"], ["link", "set", "switch", "up"]):
            _checked(["nsenter", "--target", str(switch.pid), "--net", "ip", *words])
        for name in hosts.names:
            _furnish(folder, name, addresses, private, own_name_is_loopback)
            hosts.start(name)
        for name in hosts.names:
            hosts.wait(name)
        yield hosts
    finally:
        for name in list(hosts._holders):
            hosts.stop(name)
        switch.kill()
        switch.wait()


def skip_if_impossible() -> None:
    """Skip the calling test, with the reason, if this machine cannot have such hosts."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    # They may be outside of an ordinary PATH.
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    missing = [tool for tool in _TOOLS if shutil.which(tool, path=path) is None]
    if missing:
        pytest.skip(f"network-namespace hosts need {', '.join(missing)} (packages iproute2, openssh-server)")
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "ip", "link", "add", "tried", "type", "bridge"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode:
        pytest.skip(f"this machine does not let network namespaces be made ({tried.stderr.strip()})")


def _furnish(
    folder: Path, name: str, addresses: dict[str, str], private: tuple[Path, ...], own_name_is_loopback: bool
) -> None:
    """The files of one host."""
    own = folder / name
    (own / "ssh").mkdir(parents=True)
    _checked(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(own / "host_key")])
    lines = ["127.0.0.1 localhost"]
    for other, address in addresses.items():
        lines.append(f"{'127.0.1.1' if own_name_is_loopback and other == name else address} {other}")
    (own / "hosts").write_text("\n".join(lines) + "\n")
    # sshd refuses a locked account, but not one without password; other names are looked up nowhere.
    (own / "shadow").write_text("root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\n")
    (own / "resolv.conf").write_text("")
    (own / "ssh" / "sshd_config").write_text(_SSHD.format(folder=own, keys=folder))
    (own / "ssh" / "ssh_config").write_text(_CLIENT.format(folder=own, keys=folder))
    mounts = []
    for place in private:
        there = own / "own" / str(place).strip("/").replace("/", "_")
        there.mkdir(parents=True)
        mounts.append(f"{there} {place}\n")
    (own / "private").write_text("".join(mounts))


def _held(command: list[str], log: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """A process that ends when this one does, for whatever reason."""
    end = ctypes.CDLL(None).prctl
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        preexec_fn=lambda: end(_PR_SET_PDEATHSIG, signal.SIGKILL),
    )


def _until(true: Callable[[], bool]) -> None:
    until_s = time.monotonic() + _START_S
    while not true():
        assert time.monotonic() < until_s, "a host did not come up"
        time.sleep(0.05)


def _checked(command: list[str]) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, f"{' '.join(command)}: {finished.stderr}"
