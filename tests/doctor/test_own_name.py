"""The doctor's check of the machine's own name: it fails, and its advice is followed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ask_doctor import follow, program, provokes, write
from processes import ROOT

from launch.doctor.checks import listed_hosts
from launch.doctor.machine import DoctorOptions, Machine

NAME = "no-such-host-7"


def resolver(hosts: Path):
    """Resolves names from a file like /etc/hosts."""

    def resolve(name: str) -> list[str]:
        found = [line.split()[0] for line in hosts.read_text().splitlines() if name in line.split()[1:]]
        if not found:
            raise OSError(-2, "Name or service not known")
        return found

    return resolve


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """A file instead of /etc/hosts, and of the one that the fixes write next to it."""
    write(tmp_path, "hosts", "127.0.0.1 localhost\n127.0.1.1 this-too this me\n127.0.0.2 other\n")
    return tmp_path / "hosts"


def there(fix: str, hosts: Path) -> str:
    return fix.replace("/etc/hosts", str(hosts)).replace("/tmp/hosts", f"{hosts}.new")


@provokes("hostname")
def test_a_name_that_does_not_resolve_is_added(hosts: Path, tmp_path: Path) -> None:
    machine = Machine(host_name=NAME, resolve=resolver(hosts))
    found = listed_hosts.hostname(machine, DoctorOptions())
    assert (found.status, f"own name, {NAME}, does not resolve" in found.found) == ("FAIL", True)
    follow(found._replace(fix=there(found.fix, hosts)), tmp_path, program(tmp_path, "sudo", 'exec "$@"'))
    assert listed_hosts.hostname(machine, DoctorOptions()) == ("", "ok", f"{NAME} is 127.0.1.1", "")


@provokes("hostname")
def test_a_name_that_other_hosts_cannot_use_is_given_an_address(
    hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "list", "this slots=1\nother slots=1\n")
    monkeypatch.setattr(listed_hosts, "is_here", lambda name: name == "this")
    machine, options = Machine(host_name="this", resolve=resolver(hosts)), DoctorOptions(hosts=str(tmp_path / "list"))
    # On one machine it is good enough.
    assert listed_hosts.hostname(machine, DoctorOptions()).status == "ok"
    found = listed_hosts.hostname(machine, options)
    assert found.status == "FAIL"
    monkeypatch.setattr(listed_hosts, "address_towards", lambda machine, name: "10.1.2.3")
    found = listed_hosts.hostname(machine, options)
    follow(found._replace(fix=there(found.fix, hosts)), tmp_path, program(tmp_path, "sudo", 'exec "$@"'))
    assert listed_hosts.hostname(machine, options).found == "this is 10.1.2.3"
    # The other names of the line remain.
    assert resolver(hosts)("me") == resolver(hosts)("this-too") == ["127.0.1.1"]


@pytest.mark.ranks
@provokes("hostname", "horovod")
def test_ranks_find_each_other_once_the_own_name_resolves(tmp_path: Path) -> None:
    apart = ["unshare", "--uts", "--mount", "--propagation", "private"]
    if os.geteuid() != 0 or subprocess.run([*apart, "true"], capture_output=True).returncode:
        pytest.skip("giving the machine another name needs root")
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n")
    doctor = f"{sys.executable} -m launch doctor --only hostname horovod"
    script = f"""
mount --bind {tmp_path}/hosts "$(readlink -f /etc/hosts)"
hostname {NAME}
{doctor} | tee {tmp_path}/said
bash -ec "$(sed -n 's/^ *fix: //p' {tmp_path}/said | head -1)"
{doctor}
"""
    done = subprocess.run([*apart, "bash", "-ec", script], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("FAIL  hostname")
    assert lines[2].startswith("FAIL  horovod   2 ranks do not work together")
    # Both know what it is.
    assert lines[1] == lines[3]
    assert [line.split()[0] for line in lines[-3:-1]] == ["ok", "ok"]
