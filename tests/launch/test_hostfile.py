"""The list of hosts: what is allowed, and the line that is named when something else is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from processes import ROOT

from launch.launch_errors import LaunchError
from launch.remote_hosts.hostfile import Host, allot, read_hosts


def written(folder: Path, text: str) -> Path:
    (folder / "hosts").write_text(text)
    return folder / "hosts"


def test_hosts_come_in_their_order_without_comments_and_empty_lines(tmp_path: Path) -> None:
    text = "# Ours.\n\nnode-2.example.org slots=4\n  10.0.0.7\tslots=1 # Old.\n\nnode_1 slots=16"
    assert read_hosts(written(tmp_path, text)) == [
        Host("node-2.example.org", 4),
        Host("10.0.0.7", 1),
        Host("node_1", 16),
    ]


def test_a_list_may_come_from_an_editor_of_windows(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_bytes(b"\xef\xbb\xbfnode1 slots=2\r\nnode2 slots=1\r\n")
    assert read_hosts(tmp_path / "hosts") == [Host("node1", 2), Host("node2", 1)]


def test_the_example_is_a_list_of_hosts() -> None:
    assert len(read_hosts(ROOT / "launch" / "hosts.example")) > 1


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("node2", "node2 has no slots, expected a line such as `node1 slots=2`"),
        ("node2 slots=0", "slots of node2 is '0', expected the ranks it can take, 1 or more"),
        ("node2 slots=-1", "slots of node2 is '-1'"),
        ("node2 slots=two", "slots of node2 is 'two'"),
        ("node2 slots=", "slots of node2 is ''"),
        # Python refuses to read so many digits.
        (f"node2 slots={'9' * 5000}", "slots of node2 is '99999999999999999999', expected"),
        ("node2 slots = 2", "found 'slots' after node2"),
        ("node2 slot=2", "found 'slot=2' after node2, expected a line such as `node1 slots=2`; did you mean slots?"),
        ("node2 slots=2 max_slots=4", "found 'max_slots=4' after node2"),
        ("node2 slots=2 slots=2", "node2 has slots twice"),
        ("node2:2", "'node2:2' is neither a host name nor an IPv4 address"),
        ("-oProxyCommand=x slots=1", "'-oProxyCommand=x' is neither a host name nor an IPv4 address"),
        ("user@node2 slots=1", "'user@node2' is neither a host name nor an IPv4 address"),
        ("node1 slots=3", "node1 is already in line 1; give it one line with all of its slots"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = written(tmp_path, f"node1 slots=2\n\n{line}\n")
    with pytest.raises(LaunchError) as refused:
        read_hosts(path)
    assert str(refused.value).startswith(f"{path}:3: {complaint}")


@pytest.mark.parametrize("text", ["", "\n# node1 slots=2\n"])
def test_a_list_without_hosts_is_refused(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(LaunchError, match="names no host, expected a line such as") as refused:
        read_hosts(path)
    assert str(refused.value).startswith(f"{path}: ")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match=r"absent: cannot be read \(No such file or directory\)"):
        read_hosts(tmp_path / "absent")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(LaunchError, match=r"binary: cannot be read \(not UTF-8\)"):
        read_hosts(tmp_path / "binary")


def test_ranks_fill_the_first_hosts_first() -> None:
    hosts = [Host("a", 2), Host("b", 3), Host("c", 1)]
    assert allot(hosts, 6) == hosts
    assert allot(hosts, 3) == [Host("a", 2), Host("b", 1)]
    assert allot(hosts, 1) == [Host("a", 1)]
    with pytest.raises(LaunchError, match="--np 7 is more than the 6 slots of the hosts"):
        allot(hosts, 7)
