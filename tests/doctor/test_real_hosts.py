"""The doctor on hosts with real sshds, network namespaces of this machine: it fails, and its advice is followed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import namespace_hosts
import pytest
from ask_doctor import Finding, provokes
from processes import ROOT

pytestmark = pytest.mark.hosts
FAR = ("ssh", "copy", "name", "route", "clock")


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[namespace_hosts.Hosts]:
    folder = tmp_path_factory.mktemp("hosts")
    with namespace_hosts.started(folder) as up:
        (folder / "list").write_text("node1 slots=2\nnode2 slots=2\n")
        yield up


def ask(hosts: namespace_hosts.Hosts, *names: str, **variables: str) -> dict[str, Finding]:
    """What the doctor on node1 finds about node2, and about its own name."""
    listed = hosts.hosts_file("node1").parents[1] / "list"
    words = ["--hosts", str(listed), "--shards", "/nowhere", "--json", "--only", *names]
    done = hosts.run("node1", [sys.executable, "-m", "launch", "doctor", *words], folder=ROOT)
    found = [Finding(**each) for each in json.loads(done.out)["findings"]]
    return {each.name.removesuffix(" node2"): each for each in found if not each.name.endswith(" node1")}


def type_on(hosts: namespace_hosts.Hosts, name: str, script: str) -> None:
    done = hosts.run(name, ["bash", "-ec", script], folder=ROOT)
    assert done.code == 0, f"{script}\n{done.err}"


def test_hosts_that_are_alike_are_good(hosts: namespace_hosts.Hosts) -> None:
    found = ask(hosts, "hostname", "hostfile", *FAR)
    assert [each for each in found.values() if each.status != "ok"] == []
    assert found["name"].found == "node2 is 10.99.0.2"
    assert found["route"].found == "connects back to 10.99.0.1"


@provokes("ssh")
def test_a_key_that_has_changed_is_met_anew(hosts: namespace_hosts.Hosts) -> None:
    known = hosts.hosts_file("node1").parent / "known_hosts"
    key = (hosts.hosts_file("node1").parent / "host_key.pub").read_text().split()[:2]
    type_on(hosts, "node1", f"ssh-keygen -q -f {known} -R node2; echo 'node2 {' '.join(key)}' >> {known}")
    found = ask(hosts, *FAR)
    assert "its host key has changed" in found["ssh"].found
    assert {each.found for name, each in found.items() if name != "ssh"} == {"not reached"}
    type_on(hosts, "node1", found["ssh"].fix)
    assert ask(hosts, "ssh")["ssh"].status == "ok"


@provokes("ssh")
def test_a_user_who_is_not_let_in_copies_the_key(hosts: namespace_hosts.Hosts) -> None:
    keys = hosts.hosts_file("node1").parents[1] / "key.pub"
    public = keys.read_text()
    keys.write_text("")
    found = ask(hosts, "ssh")["ssh"]
    assert "does not let this user in without a password" in found.found
    assert found.fix.splitlines()[-1] == "ssh-copy-id node2"
    # Instead of ssh-copy-id, which asks for a password.
    keys.write_text(public)
    assert ask(hosts, "ssh")["ssh"].status == "ok"


@provokes("ssh")
def test_an_sshd_that_does_not_listen_is_started(hosts: namespace_hosts.Hosts) -> None:
    config = hosts.ssh_config("node1")
    before = config.read_text()
    config.write_text(f"Host node2\n  Port 2222\n{before}")
    found = ask(hosts, "ssh")["ssh"]
    assert "no sshd listens on the port" in found.found
    # The other advice: the port in the configuration.
    assert "name another port in ~/.ssh/config" in found.fix
    config.write_text(before)
    assert ask(hosts, "ssh")["ssh"].status == "ok"


@provokes("ssh")
def test_a_host_that_does_not_answer_is_looked_at(hosts: namespace_hosts.Hosts) -> None:
    type_on(hosts, "node2", "ip link set eth0 down")
    found = ask(hosts, "ssh")["ssh"]
    assert "it does not answer" in found.found
    assert hosts.run("node1", ["bash", "-c", "getent hosts node2"]).code == 0
    type_on(hosts, "node2", "ip link set eth0 up")
    assert ask(hosts, "ssh")["ssh"].status == "ok"


@provokes("ssh")
def test_a_name_that_does_not_resolve_is_added(hosts: namespace_hosts.Hosts) -> None:
    table = hosts.hosts_file("node1")
    before = table.read_text()
    table.write_text("".join(line for line in before.splitlines(keepends=True) if "node2" not in line))
    found = ask(hosts, "ssh")["ssh"]
    assert "its name does not resolve" in found.found
    type_on(hosts, "node1", found.fix.replace("ADDRESS", "10.99.0.2", 1))
    assert ask(hosts, "ssh")["ssh"].status == "ok"


@provokes("name", "hostname")
@pytest.mark.parametrize(("host", "check"), [("node1", "hostname"), ("node2", "name")])
def test_an_own_name_of_loopback_is_given_the_address(hosts: namespace_hosts.Hosts, host: str, check: str) -> None:
    table = hosts.hosts_file(host)
    table.write_text(re.sub(rf"^[\d.]+ {host}$", f"127.0.1.1 {host}", table.read_text(), flags=re.M))
    found = ask(hosts, check)[check]
    assert (found.status, "127.0.1.1" in found.found) == ("FAIL", True), found
    type_on(hosts, "node1", found.fix)
    assert ask(hosts, check)[check].found == f"{host} is {hosts.addresses[host]}"


@provokes("clock")
def test_a_clock_that_differs_is_set(hosts: namespace_hosts.Hosts, tmp_path: Path) -> None:
    # Namespaces share one clock, so node2 has its own `date`.
    (tmp_path / "date").write_text(f'#!/bin/sh\nexec {tmp_path}/real -d "+1 hour" "$@"\n')
    type_on(hosts, "node1", f'cp "$(command -v date)" {tmp_path}/real; chmod +x {tmp_path}/date')
    type_on(hosts, "node2", f'mount --bind {tmp_path}/date "$(readlink -f "$(command -v date)")"')
    found = ask(hosts, "clock")["clock"]
    assert (found.status, "ahead by 36" in found.found) == ("warn", True), found
    assert "ssh node2 timedatectl set-ntp true" in found.fix
    type_on(hosts, "node2", 'umount "$(readlink -f "$(command -v date)")"')
    assert ask(hosts, "clock")["clock"].status == "ok"


@provokes("copy")
def test_other_code_is_replaced(hosts: namespace_hosts.Hosts, tmp_path: Path) -> None:
    (tmp_path / "ner_dist").mkdir()
    type_on(
        hosts, "node2", f"cp -r {ROOT}/ner_dist/. {tmp_path}/ner_dist; mount --bind {tmp_path}/ner_dist {ROOT}/ner_dist"
    )
    (tmp_path / "ner_dist" / "errors.py").write_text("# older\n")
    found = ask(hosts, "copy")["copy"]
    assert (found.status, "its code of ner_dist or launch differs" in found.found) == ("FAIL", True), found
    # Only what differs is private: the other files are shared and must not be written.
    send = found.fix.replace(" . |", " ner_dist |")
    assert send != found.fix
    type_on(hosts, "node1", send)
    assert ask(hosts, "copy")["copy"].status == "ok"
