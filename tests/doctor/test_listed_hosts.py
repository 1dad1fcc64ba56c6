"""The doctor's checks of other hosts, with a fake ssh: each fails, and its advice is followed."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from ask_doctor import Finding, debian, follow, program, provokes
from processes import ROOT

from launch.doctor import examine
from launch.doctor.checks import listed_hosts
from launch.doctor.machine import DoctorOptions, Machine
from launch.remote_hosts.host_facts import gather

# Takes ssh's options, fails with the message in `refuses`, or runs the command with the paths replaced by the host's.
_SSH = """
while [[ $1 == -* ]]; do [ "$1" != -o ] || shift; shift; done
host=$1; shift
[ -z "$(grep -s "^$host other-key" {far}/known)" ] || {{
    echo "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @" >&2
    echo "Offending ED25519 key in {far}/known:1" >&2; echo "Host key verification failed." >&2; exit 255
}}
if [ -e {far}/refuses ]; then cat {far}/refuses >&2; exit 255; fi
command=$*
while read -r here there; do command=${{command//"$here"/"$there"}}; done < {far}/moves
PATH={far}/bin:$PATH exec sh -c "$command"
"""


class Far(NamedTuple):
    """A host, node1, that is a folder of this machine."""

    folder: Path
    programs: Path
    machine: Machine
    options: DoctorOptions

    def add(self, name: str, script: str) -> None:
        """A program there."""
        (self.folder / "bin" / name).write_text(f"#!/bin/bash\nset -e\n{script}\n")
        (self.folder / "bin" / name).chmod(0o755)

    def here(self, name: str, script: str) -> None:
        program(self.programs.parent, name, script)

    def follow(self, finding: Finding) -> str:
        return follow(finding, self.folder, self.programs)


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synth_shards: Path) -> Far:
    folder = tmp_path / "far"
    (folder / "bin").mkdir(parents=True)
    (folder / "hosts").write_text("127.0.0.1 localhost\n127.0.1.1 node1 alias\n")
    moves = {ROOT: "project", "/etc/hosts": "hosts", "/tmp/hosts": "hosts.new"}
    (folder / "moves").write_text("".join(f"{here} {folder / there}\n" for here, there in moves.items()))
    programs = program(tmp_path, "ssh", _SSH.format(far=folder))
    monkeypatch.setenv("PATH", f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin")
    machine = debian(tmp_path, resolve=lambda name: ["127.0.0.1"], python=str(ROOT / ".venv" / "bin" / "python"))
    found = Far(folder, programs, machine, DoctorOptions(hosts="", shards=str(synth_shards)))
    # Programs that exist there.
    found.add("sudo", 'exec "$@"')
    return found


def with_project(far: Far) -> Path:
    """Copy the project there."""
    project = far.folder / "project"
    project.mkdir()
    for room in ("launch", "ner_dist"):
        shutil.copytree(ROOT / room, project / room, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    set_up(project)
    return project


def set_up(project: Path) -> None:
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").write_text(f'#!/bin/bash\nexec {sys.executable} "$@"\n')
    (project / ".venv" / "bin" / "python").chmod(0o755)


def commands_there(fix: str) -> str:
    """The commands of a fix that must be typed on the host."""
    return "\n".join(line.partition(": ")[2] for line in fix.splitlines() if line.startswith("# on node1"))


@provokes("ssh")
def test_a_host_with_another_key_is_accepted_again(far: Far) -> None:
    (far.folder / "known").write_text("node1 other-key\nnode2 key\n")
    found = listed_hosts.ssh(far.machine, far.options, "node1")
    assert (found.status, "its host key has changed" in found.found) == ("FAIL", True), found
    far.here("ssh-keygen", '[ "$1 $3" = "-f -R" ]; sed -i "/^$4 /d" "$2"')
    far.follow(found)
    assert listed_hosts.ssh(far.machine, far.options, "node1").status == "ok"
    assert (far.folder / "known").read_text() == "node2 key\n"


@provokes("ssh")
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("No ED25519 host key is known for node1.\nHost key verification failed.", "its host key is unknown here"),
        ("root@node1: Permission denied (publickey,password).", "does not let this user in without a password"),
        ("ssh: connect to host node1 port 22: Connection refused", "no sshd listens on the port"),
        ("ssh: connect to host node1 port 22: Connection timed out", "does not answer"),
        ("ssh: connect to host node1 port 22: No route to host", "does not answer"),
        ("ssh: Could not resolve hostname node1: Name or service not known", "its name does not resolve"),
        ("kex_exchange_identification: banner line contains invalid characters", "banner line contains invalid"),
    ],
)
def test_a_host_that_ssh_does_not_reach_is_repaired(far: Far, said: str, told: str) -> None:
    refuses, addresses = far.folder / "refuses", far.folder / "addresses"
    refuses.write_text(said)
    found = listed_hosts.ssh(far.machine, far.options, "node1")
    assert (found.status, told in found.found) == ("FAIL", True), found
    repaired = f"rm -f {refuses}"
    # Each program repairs only what it is for.
    far.here("ssh-copy-id", f'[ "$*" = node1 ]; grep -q "Permission denied" {refuses}; {repaired}')
    far.here("ssh-keygen", '[ "$*" = "-q -t ed25519 -N  -f $HOME/.ssh/id_ed25519" ]')
    far.here("systemctl", f'[ "$*" = "enable --now ssh" ]; grep -q refused {refuses}; {repaired}')
    far.here("ping", '[ "$*" = "-c 3 node1" ]')
    far.here("ufw", f'[ "$*" = "allow 22/tcp" ]; {repaired}')
    fix = found.fix.replace("ADDRESS", "10.0.0.7").replace("/etc/hosts", str(addresses))
    if "-o StrictHostKeyChecking=accept-new" in fix or "ssh -v" in fix:
        # The real client stores the key; with ssh -v, the user reads on and repairs the cause.
        far.here("ssh", f'[ "${{*: -2}}" = "node1 true" ]; {repaired}')
        far.follow(found)
        far.here("ssh", _SSH.format(far=far.folder))
    else:
        far.follow(found._replace(fix=f"{fix}\n{commands_there(fix)}"))
    if addresses.exists():
        assert addresses.read_text() == "10.0.0.7 node1\n"
        refuses.unlink()
    assert listed_hosts.ssh(far.machine, far.options, "node1").status == "ok"


@provokes("ssh")
def test_ssh_is_installed(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    (far.programs / "ssh").unlink()
    (far.folder / "tools").mkdir()
    monkeypatch.setenv("PATH", str(far.folder / "tools"))
    found = listed_hosts.ssh(far.machine, far.options, "node1")
    assert (found.status, "there is no ssh on this machine" in found.found) == ("FAIL", True), found
    monkeypatch.setenv("PATH", f"{far.programs}:/usr/bin:/bin")
    client = f'printf "#!/bin/sh\\n" > {far.programs}/ssh; chmod +x {far.programs}/ssh'
    far.here("apt-get", f'[ "$*" = "install -y openssh-client" ]; {client}')
    far.follow(found)
    assert listed_hosts.ssh(far.machine, far.options, "node1").status == "ok"


@provokes("copy")
def test_a_host_without_the_project_gets_it(far: Far) -> None:
    found = listed_hosts.copy(far.machine, far.options, "node1")
    assert (found.status, found.found) == ("FAIL", f"it has no directory {ROOT}")
    set_up(far.folder / "new")
    far.add("make", f'[ "$*" = setup ]; mv {far.folder}/new/.venv .')
    far.follow(found)
    assert not (far.folder / "project" / ".git").exists()
    assert listed_hosts.copy(far.machine, far.options, "node1").status == "ok"


@provokes("copy")
def test_a_host_without_its_environment_makes_it(far: Far) -> None:
    project = with_project(far)
    shutil.rmtree(project / ".venv")
    found = listed_hosts.copy(far.machine, far.options, "node1")
    assert (found.status, found.found) == ("FAIL", f"it has no {far.machine.python}")
    set_up(far.folder / "new")
    far.add("make", f'[ "$*" = setup ]; mv {far.folder}/new/.venv .')
    far.follow(found)
    assert listed_hosts.copy(far.machine, far.options, "node1").status == "ok"


@provokes("copy")
def test_other_versions_are_set_up_again(far: Far) -> None:
    project = with_project(far)
    facts = gather(far.options.shards)
    other = facts._replace(versions={**facts.versions, "numpy": "1.22.0"})
    (project / ".venv" / "bin" / "python").write_text(f"#!/bin/bash\necho '{json.dumps(other._asdict())}'\n")
    found = listed_hosts.copy(far.machine, far.options, "node1")
    assert (found.status, f"numpy 1.22.0 instead of {facts.versions['numpy']}" in found.found) == ("FAIL", True), found
    set_up(far.folder / "new")
    (project / ".venv" / "ready").touch()
    # Otherwise make takes it for complete.
    far.add("make", f'[ "$*" = setup ]; [ ! -e .venv/ready ]; cp {far.folder}/new/.venv/bin/python .venv/bin')
    far.follow(found)
    assert listed_hosts.copy(far.machine, far.options, "node1").status == "ok"


@provokes("copy")
def test_code_that_differs_or_does_not_run_is_sent_again(far: Far) -> None:
    project = with_project(far)
    (project / "ner_dist" / "errors.py").write_text("# older\n")
    found = listed_hosts.copy(far.machine, far.options, "node1")
    assert (found.status, "its code of ner_dist or launch differs" in found.found) == ("FAIL", True), found
    far.follow(found)
    assert listed_hosts.copy(far.machine, far.options, "node1").status == "ok"
    (project / "launch" / "remote_hosts" / "host_facts.py").write_text("raise RuntimeError('older')\n")
    found = listed_hosts.copy(far.machine, far.options, "node1")
    assert (found.status, "cannot be asked (RuntimeError: older)" in found.found) == ("FAIL", True), found
    far.add("make", '[ "$*" = setup ]')
    far.follow(found)
    assert listed_hosts.copy(far.machine, far.options, "node1").status == "ok"


@provokes("copy")
@pytest.mark.parametrize("there", ["none", "other", "only there"])
def test_shards_are_sent(far: Far, tmp_path: Path, synth_shards: Path, there: str) -> None:
    with_project(far)
    theirs = far.folder / "shards"
    mine = synth_shards if there != "only there" else tmp_path / "none"
    if there != "none":
        theirs.mkdir()
        (theirs / "index.json").write_text("{}")
    # The same path, but another directory.
    with (far.folder / "moves").open("a") as moves:
        moves.write(f"{mine} {theirs}\n")
    options = DoctorOptions(hosts="", shards=str(mine))
    found = listed_hosts.copy(far.machine, options, "node1")
    assert (found.status, "shards in" in found.found) == ("FAIL", True), found
    far.follow(found)
    assert listed_hosts.copy(far.machine, options, "node1").status == "ok"
    # Shards that only one side has are never removed.
    assert (mine / "index.json").is_file()


@provokes("name")
@pytest.mark.parametrize(("address", "told"), [("127.0.1.1", "is 127.0.1.1 there"), ("none", "does not resolve there")])
def test_the_name_of_a_host_gets_an_address_that_others_can_use(far: Far, address: str, told: str) -> None:
    project = with_project(far)
    own = far.folder / "hosts"
    if address == "none":
        own.write_text("127.0.0.1 localhost\n")
    facts = json.dumps(gather(far.options.shards)._replace(name="node1", address="ADDRESS", own_address=True)._asdict())
    (project / ".venv" / "bin" / "python").write_text(f"""#!/bin/bash
address=$(grep -w node1 {own} | head -1 | cut -d' ' -f1)
echo '{facts}' | if [ "$address" ]; then sed "s/ADDRESS/$address/"; else sed 's/"ADDRESS"/null/'; fi
""")
    machine = Machine(root=far.machine.root, python=far.machine.python, resolve=lambda name: ["10.0.0.7"])
    found = listed_hosts.own_name(machine, far.options, "node1")
    assert (found.status, f"its own name node1 {told}" in found.found) == ("FAIL", True), found
    far.follow(found)
    assert listed_hosts.own_name(machine, far.options, "node1") == ("", "ok", "node1 is 10.0.0.7", "")


@provokes("route")
def test_a_firewall_lets_hosts_connect_back(far: Far) -> None:
    project = with_project(far)
    python = project / ".venv" / "bin" / "python"
    wall = f'if [ -e {far.folder}/wall ]; then echo "TimeoutError: timed out" >&2; exit 1; fi'
    python.write_text(f'#!/bin/bash\n{wall}\nexec {sys.executable} "$@"\n')
    (far.folder / "wall").touch()
    found = listed_hosts.route(far.machine, far.options, "node1")
    assert (found.status, found.found) == ("FAIL", "it cannot connect back to 127.0.0.1: TimeoutError: timed out")
    far.here("ufw", f'[ "$*" = "allow from 127.0.0.1" ]; rm {far.folder}/wall')
    far.follow(found)
    assert listed_hosts.route(far.machine, far.options, "node1").status == "ok"


@provokes("clock")
def test_clocks_are_set_by_the_network(far: Far) -> None:
    (far.folder / "skew").write_text("-90 seconds")
    far.add("date", f'exec /bin/date -d "$(cat {far.folder}/skew)" "$@"')
    far.add("timedatectl", f'[ "$*" = "set-ntp true" ]; echo now > {far.folder}/skew')
    found = listed_hosts.clock(far.machine, far.options, "node1")
    assert (found.status, "behind by 90.0" in found.found or "behind by 89.9" in found.found) == ("warn", True), found
    far.follow(found)
    assert listed_hosts.clock(far.machine, far.options, "node1").status == "ok"


@provokes("clock")
def test_a_host_that_does_not_tell_its_time_is_asked_by_hand(far: Far) -> None:
    far.add("date", "echo noon")
    found = listed_hosts.clock(far.machine, far.options, "node1")
    assert (found.status, "does not give its time: noon" in found.found) == ("warn", True), found
    assert far.follow(found) == "noon\n"
    (far.folder / "bin" / "date").unlink()
    assert listed_hosts.clock(far.machine, far.options, "node1").status == "ok"


def test_what_needs_an_answer_is_skipped_without(far: Far) -> None:
    (far.folder / "refuses").write_text("Connection refused")
    for check in (listed_hosts.copy, listed_hosts.own_name, listed_hosts.route, listed_hosts.clock):
        assert check(far.machine, far.options, "node1").found == "not reached"
    assert listed_hosts.address_towards(Machine(resolve=lambda name: []), "node1") is None


@provokes("hostfile")
def test_a_list_of_hosts_is_written(tmp_path: Path) -> None:
    for text in (None, "node1 slots=x\n"):
        if text is not None:
            (tmp_path / "hosts").write_text(text)
        options = DoctorOptions(hosts=str(tmp_path / "hosts"))
        found = listed_hosts.hostfile(Machine(), options)
        assert found.status == "FAIL"
        follow(found, tmp_path)
        assert listed_hosts.hostfile(Machine(), options).status == "ok"


@provokes("hostfile")
def test_hosts_with_too_few_slots_get_fewer_ranks(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("node1 slots=2\nnode2 slots=1\n")
    found = listed_hosts.hostfile(Machine(), DoctorOptions(hosts=str(tmp_path / "hosts"), np=4))
    assert (found.status, "has 3 slots, and 4 ranks need one each" in found.found) == ("FAIL", True), found
    python = program(tmp_path, "python", f'cd {ROOT}; exec {sys.executable} "$@" --only hostfile')
    assert "ok    hostfile" in follow(found, tmp_path, python)


def test_this_machine_is_not_asked_as_another_host(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("127.0.0.1 slots=2\n")
    (found,) = examine(DoctorOptions(hosts=str(tmp_path / "hosts"), only=("ssh", "clock")))
    assert (found.name, found.status) == ("ssh 127.0.0.1", "skip")


def test_a_list_that_cannot_be_read_fails_whatever_is_asked_of_its_hosts(tmp_path: Path) -> None:
    (found,) = examine(DoctorOptions(hosts=str(tmp_path), only=("ssh", "clock")))
    assert (found.name, found.status) == ("hostfile", "FAIL")
