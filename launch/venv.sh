# What launch/setup.sh and launch/setup-gpu.sh share: finding a Python, making a virtual environment, filling it.
#
# To be sourced in the project's folder, with venv set to the absolute path of the environment.
# shellcheck shell=bash

# shellcheck disable=SC2154
venv_name=${venv##*/}
# Last to be written: what the environment was made from.
ready=$venv/ready
# There while pip installs: packages may be half copied.
partial=$venv/partial
needs="MXNet 1.9.1 needs a 64-bit Python 3.9, 3.10 or 3.11"
horovod=$(sed -n 's/^horovod==//p' constraints.txt)
# The interpreter to build on, once chosen.
python=

# Others' packages and pip's other targets stay out; make's own flags are not for Horovod's build.
unset PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX MAKEFLAGS MFLAGS MAKELEVEL

say() { printf 'setup: %s\n' "$*"; }

fail() {
    say "$*" >&2
    exit 1
}

# logged LOG COMMAND...: the command's output is added to LOG; its first error and its end are shown if it fails.
logged() {
    local log=$1 status=0
    shift
    "$@" >>"$log" 2>&1 </dev/null || status=$?
    if [ $status -ne 0 ]; then
        grep -m 1 -A 7 -E 'CMake Error|error:' "$log" >&2 && echo ... >&2
        tail -n 10 "$log" >&2
    fi
    return $status
}

# Prints "ok", or what is wrong with an interpreter for this project, as the end of a sentence.
judge() {
    "$1" - 2>/dev/null <<'PY' || echo "does not run"
import sys

version = "%d.%d" % sys.version_info[:2]
if not (3, 9) <= sys.version_info[:2] <= (3, 11):
    print("is Python " + version)
elif sys.maxsize < 2**32:
    print("is a 32-bit Python")
else:
    try:
        import ensurepip, venv
        print("ok")
    except ImportError:
        print("lacks the venv module; on Debian or Ubuntu: apt-get install python%s-venv" % version)
PY
}

# Sets python to the path of the interpreter to build on: not a link in an environment, which may be about to go.
choose_python() {
    local name verdict wrong="" lacking=""
    for name in ${PYTHON:-python3.11 python3.10 python3.9 python3}; do
        verdict=$(judge "$name")
        if [ "$verdict" = ok ]; then
            python=$("$name" -c 'import os, sys; print(os.path.realpath(sys.executable))')
            return
        fi
        [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON $verdict; $needs"
        case $verdict in
            lacks*) lacking=${lacking:-$name $verdict} ;;
            is*) wrong+="${wrong:+, }$name $verdict" ;;
        esac
    done
    [ -z "$lacking" ] || fail "$lacking"
    fail "$needs${wrong:+, and $wrong}; on Debian 12 or Ubuntu 22.04: apt-get install" \
        "python3.11 python3.11-venv; or name one: PYTHON=/path/to/python3.11"
}

check_machine() {
    case $venv in
        *[[:space:]]*) fail "the path $PWD has a space in it, which make and Horovod's build cannot take" ;;
    esac
    if [ "$(uname -sm)" != "Linux x86_64" ] || ! getconf GNU_LIBC_VERSION >/dev/null 2>&1; then
        fail "MXNet 1.9.1 has wheels only for Linux x86_64 with glibc, and this is $(uname -sm)"
    fi
}

check_build_tools() {
    local compiler=${CXX:-c++}
    command -v "${compiler%% *}" >/dev/null || command -v g++ >/dev/null ||
        fail "Horovod is built from source and there is no C++ compiler; on Debian or Ubuntu: apt-get install g++"
    command -v make >/dev/null || fail "Horovod's build needs make; on Debian or Ubuntu: apt-get install make"
}

minor_version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

# Whether the environment runs, and on the Python that was asked for, if any was.
venv_is_wanted() {
    [ -x "$venv/bin/python" ] || return 1
    [ -z "$python" ] || [ "$(minor_version "$venv/bin/python")" = "$(minor_version "$python")" ]
}

# Whether the environment that is there can be brought up to date: wanted, whole, and made in this place.
venv_is_sound() {
    venv_is_wanted && [ ! -e "$partial" ] && [ "$(judge "$venv/bin/python")" = ok ] &&
        grep -qF "$venv/bin/python" "$venv/bin/pip" 2>/dev/null && "$venv/bin/python" -m pip --version >/dev/null 2>&1
}

# is_ready KEY: whether it was made from what the key names, and nothing else is asked for.
is_ready() {
    [ -z "${PYTHON:-}" ] || choose_python
    [ "$(cat "$ready" 2>/dev/null)" = "$1" ] && venv_is_wanted
}

make_venv() {
    [ -n "$python" ] || choose_python
    if [ -e "$venv" ]; then
        say "removing $venv_name, which is unfinished, moved or of another Python"
        rm -rf "$venv"
    fi
    mkdir "$venv"
    touch "$partial"
    say "making $venv_name with $("$python" --version), $python"
    "$python" -m venv "$venv" || fail "$python could not make a virtual environment in $venv"
}

pip_install() {
    local log=$1 status=0
    shift
    touch "$partial"
    logged "$log" python -m pip install --no-input --disable-pip-version-check -c constraints.txt "$@" || status=$?
    # 1: pip gave up by itself and left whole packages; 2 and more: it was stopped.
    [ $status -gt 1 ] || rm -f "$partial"
    return $status
}

# install_packages SIZE REQUIREMENT...: this project and what it needs, beside the given requirements.
install_packages() {
    local log=$venv/packages.log problem="pip could not install the packages, see above; whole log: $venv/packages.log"
    say "installing packages: some $1 at first; log: $venv_name/packages.log"
    shift
    pip_install "$log" pip setuptools wheel cmake || fail "$problem"
    # The build constraint holds setuptools for the few packages without a wheel.
    pip_install "$log" --build-constraint constraints.txt "$@" -e '.[test,lint]' || fail "$problem"
}

# build_horovod TIME VARIABLE=VALUE...: a wheel of it in the environment's wheels.
build_horovod() {
    local log=$venv/horovod-build.log jobs
    # Horovod's own default is 8, whatever the machine.
    jobs=$(nproc)
    say "building Horovod $horovod, some $1 on two cores; log: $venv_name/horovod-build.log"
    shift
    # No cache: a wheel in pip's cache may have been built for another framework.
    logged "$log" env MAKEFLAGS=-j$((jobs < 8 ? jobs : 8)) \
        HOROVOD_WITH_MXNET=1 HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_TENSORFLOW=1 \
        HOROVOD_WITH_GLOO=1 HOROVOD_WITHOUT_MPI=1 "$@" \
        python -m pip wheel --verbose --no-input --no-cache-dir --no-build-isolation --no-deps \
        --wheel-dir "$venv/wheels" "horovod==$horovod" ||
        fail "Horovod did not build, see above; whole log: $log"
}

install_horovod() {
    pip_install "$venv/packages.log" --force-reinstall --no-deps --no-index --find-links "$venv/wheels" horovod ||
        fail "Horovod was built but could not be installed; log: $venv/packages.log"
    pip_install "$venv/packages.log" "horovod==$horovod" || fail "Horovod's requirements could not be installed"
}

verify() {
    local log=$venv/verify.log hint=""
    logged "$log" timeout 120 horovodrun -np 2 python -m launch.verify || {
        getent hosts "$(uname -n)" >/dev/null || hint="; this host's own name, $(uname -n), does not resolve: add it to /etc/hosts"
        fail "two ranks could not talk to each other, see above; whole log: $log$hint"
    }
    sed -n 's/.*<stdout>: *//p' "$log"
}

