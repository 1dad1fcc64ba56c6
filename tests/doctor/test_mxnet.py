"""The doctor's check of MXNet, with fake packages: each fails, and pip follows its advice."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from ask_doctor import Environment, add_wheel, debian, distribution, follow, made_environment, program, provokes, write

from launch.doctor.checks import mxnet_and_horovod
from launch.doctor.machine import DoctorOptions, Machine

NOTHING = DoctorOptions()
# Any that loads.
LIBRARY = next(Path("/lib/x86_64-linux-gnu").glob("libm.so.6"), None) or next(Path("/lib64").glob("libm.so.6"))
MXNET = """
__version__ = "1.9.1"
class nd:
    array = list
    def dot(a, b): return nd
    def asnumpy(): return nd
    def ravel(): return nd
    def tolist(): return {product}
"""


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return made_environment(tmp_path)


@provokes("mxnet")
def test_an_mxnet_that_computes_wrong_is_installed_anew(environment: Environment, tmp_path: Path) -> None:
    distribution(environment.site, "mxnet", "1.9.1")
    write(environment.site, "mxnet/__init__.py", MXNET.format(product=[17.0, 38.0]))
    add_wheel(environment.wheels, "mxnet", "1.9.1", MXNET.format(product=[17.0, 39.0]))
    machine = Machine(python=environment.python, places=(str(environment.site),))
    found = mxnet_and_horovod.mxnet(machine, NOTHING)
    assert (found.status, found.found) == ("FAIL", "MXNet 1.9.1 computes [17.0, 38.0] instead of [17.0, 39.0]")
    # Its RECORD is empty, and pip keeps files that are not listed.
    shutil.rmtree(environment.site / "mxnet")
    follow(found, tmp_path, **environment.variables)
    assert mxnet_and_horovod.mxnet(machine, NOTHING).status == "ok"


def test_it_computes_unless_ranks_do_so_below(environment: Environment) -> None:
    distribution(environment.site, "mxnet", "1.9.1")
    write(environment.site, "mxnet/__init__.py", MXNET.format(product=[17.0, 38.0]))
    shutil.copy(LIBRARY, environment.site / "mxnet" / "libmxnet.so")
    machine = Machine(python=environment.python, places=(str(environment.site),))
    for only in ((), ("mxnet", "horovod")):
        found = mxnet_and_horovod.mxnet(machine, DoctorOptions(only=only))
        assert (found.status, found.found) == ("ok", "1.9.1, its library loads; the ranks below compute with it")
    for options in (DoctorOptions(only=("mxnet",)), DoctorOptions(deep=True)):
        assert mxnet_and_horovod.mxnet(machine, options).status == "FAIL"


@provokes("mxnet")
def test_a_numpy_that_mxnet_cannot_import_is_replaced(environment: Environment, tmp_path: Path) -> None:
    distribution(environment.site, "mxnet", "1.9.1")
    distribution(environment.site, "numpy", "1.24.0")
    write(environment.site, "mxnet/__init__.py", "import numpy\nnumpy.bool\n" + MXNET.format(product=[17.0, 39.0]))
    write(environment.site, "numpy/__init__.py", "")
    add_wheel(environment.wheels, "numpy", "1.23.5", "bool = bool")
    machine = Machine(python=environment.python, places=(str(environment.site),))
    found = mxnet_and_horovod.mxnet(machine, NOTHING)
    assert "module 'numpy' has no attribute 'bool'" in found.found
    follow(found, tmp_path, **environment.variables)
    assert mxnet_and_horovod.mxnet(machine, NOTHING).status == "ok"


@provokes("mxnet")
def test_a_library_that_mxnet_lacks_is_installed(environment: Environment, tmp_path: Path) -> None:
    distribution(environment.site, "mxnet", "1.9.1")
    code = "import ctypes; ctypes.CDLL('libnosuch.so.3')\n" + MXNET.format(product=[17.0, 39.0])
    write(environment.site, "mxnet/__init__.py", code)
    (tmp_path / "lib").mkdir()
    variables = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path / "lib")}
    machine = debian(tmp_path, python=environment.python, places=(str(environment.site),), environment=variables)
    found = mxnet_and_horovod.mxnet(machine, NOTHING)
    assert "libnosuch.so.3: cannot open shared object file" in found.found
    programs = program(
        tmp_path, "apt-get", f'[ "$*" = "install -y libnosuch" ]; cp {LIBRARY} {tmp_path}/lib/libnosuch.so.3'
    )
    follow(found, tmp_path, programs)
    assert mxnet_and_horovod.mxnet(machine, NOTHING).status == "ok"
