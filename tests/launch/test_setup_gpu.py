"""Which compilers launch/setup-gpu.sh chooses to build Horovod with NCCL; make test-gpu tests the result."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from processes import ROOT

SCRIPT = ROOT / "launch" / "setup-gpu.sh"


def made(program: Path, prints: str, code: int = 0) -> Path:
    """A program that always prints this."""
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\necho '{prints}'\nexit {code}\n")
    program.chmod(0o755)
    return program


def toolkit(folder: Path, release: str) -> Path:
    made(folder / "bin" / "nvcc", f"Cuda compilation tools, release {release}, V{release}.89")
    return folder


def after(commands: str, **variables: str) -> list[str]:
    """What these commands print after sourcing the script."""
    clean = {name: value for name, value in os.environ.items() if name not in ("CUDA_HOME", "HOROVOD_CUDA_HOME")}
    command = ["bash", "-c", f"source {SCRIPT}; {commands}"]
    finished = subprocess.run(command, env={**clean, **variables}, capture_output=True, text=True, check=True)
    return finished.stdout.splitlines()


@pytest.mark.parametrize("release", ["11.1", "11.5", "11.7", "11.8"])
@pytest.mark.parametrize("variable", ["CUDA_HOME", "HOROVOD_CUDA_HOME"])
def test_a_toolkit_of_cuda_11_that_is_named_is_taken(tmp_path: Path, variable: str, release: str) -> None:
    folder = toolkit(tmp_path / "cuda", release)
    assert after('find_cuda; echo "$cuda"; echo ${#notes[@]}', **{variable: str(folder)}) == [str(folder), "0"]


@pytest.mark.parametrize("release", ["11.0", "10.2", "12.4", "13.0"])
def test_a_toolkit_of_another_cuda_is_skipped_with_the_reason(tmp_path: Path, release: str) -> None:
    other, fit = toolkit(tmp_path / "other", release), toolkit(tmp_path / "fit", "11.8")
    found, *notes = after(
        'find_cuda; printf "%s\\n" "$cuda" "${notes[@]}"', CUDA_HOME=str(other), HOROVOD_CUDA_HOME=str(fit)
    )
    assert found == str(fit)
    assert notes == [f"skipping {other}/bin/nvcc of CUDA {release}: MXNet's GPU build needs 11.1 to 11.8"]


def test_a_toolkit_that_does_not_run_is_skipped(tmp_path: Path) -> None:
    broken, fit = tmp_path / "broken", toolkit(tmp_path / "fit", "11.8")
    made(broken / "bin" / "nvcc", "no such library", code=127)
    shown = after('find_cuda; printf "%s\\n" "$cuda" "${notes[@]}"', CUDA_HOME=str(broken), HOROVOD_CUDA_HOME=str(fit))
    assert shown == [str(fit), f"skipping {broken}/bin/nvcc, which does not run"]


@pytest.mark.parametrize(
    ("compilers", "expected"),
    [
        ({"": "11.4.0"}, "gcc g++"),
        ({"": "12", "-11": "11"}, "gcc-11 g++-11"),
        ({"-11": "11", "-10": "10"}, "gcc-11 g++-11"),
        ({"": "14", "-9": "9"}, "gcc-9 g++-9"),
        ({"": "12"}, "none"),
        ({}, "none"),
    ],
)
def test_the_host_compiler_is_one_that_cuda_11_takes(tmp_path: Path, compilers: dict[str, str], expected: str) -> None:
    for suffix, version in compilers.items():
        for name in ("gcc", "g++"):
            made(tmp_path / f"{name}{suffix}", version)
    assert after(f'PATH={tmp_path}; if find_host_compilers; then echo "$cc $cxx"; else echo none; fi') == [expected]


def test_without_a_compiler_for_nvcc_it_says_what_that_means_and_what_to_install(tmp_path: Path) -> None:
    variables = {"CUDA_HOME": str(toolkit(tmp_path / "cuda", "11.8"))}
    commands = 'find_host_compilers() { return 1; }; choose_toolkit; printf "%s\\n" "${cuda:-none}" "${notes[@]}"'
    found, note = after(commands, **variables)
    assert found == "none"
    assert "gradients through host memory" in note
    assert "nvidia-cuda-toolkit" in note
