# Functions of launch/setup.sh and launch/setup-gpu.sh: find a Python, make a virtual environment, fill it.
#
# Source it in the project's folder, with venv set to the absolute path of the environment.
# shellcheck shell=bash

# shellcheck disable=SC2154
venv_name=${venv##*/}
# Written last: what the environment was made from.
ready=$venv/ready
# Exists while pip installs, when packages may be incomplete.
partial=$venv/partial
needs="MXNet 1.9.1 needs a 64-bit Python 3.9, 3.10 or 3.11"
horovod=$(sed -n 's/^horovod==//p' constraints.txt)
# The interpreter to build with, once chosen.
python=
# What the environment is made from.
key=

# Keeps out other packages and pip targets, and make's own flags, which would affect Horovod's build.
unset PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX MAKEFLAGS MFLAGS MAKELEVEL

say() { printf 'setup: %s\n' "$*"; }

fail() {
    say "$*" >&2
    exit 1
}

# tick LOG: shows in the terminal, every second, how long it has been running and the last line of LOG.
tick() {
    local began=$SECONDS width
    width=$(($(tput cols 2>/dev/null || echo 80) - 12))
    # Until this script is gone, which Ctrl-C may end without a word.
    while sleep 1 && kill -0 $$ 2>/dev/null; do
        printf '\r\033[K%5d s  %s' $((SECONDS - began)) \
            "$(tail -n 1 "$1" | tr -cd '[:print:]' | cut -c "1-$width")" >&2
    done
}

# logged LOG COMMAND...: appends the command's output to LOG; if it fails, shows its first error and its end.
logged() {
    local log=$1 status=0 ticking=
    shift
    if [ -t 2 ]; then
        touch "$log"
        tick "$log" &
        ticking=$!
    fi
    "$@" >>"$log" 2>&1 </dev/null || status=$?
    if [ -n "$ticking" ]; then
        kill "$ticking" 2>/dev/null || true
        wait "$ticking" 2>/dev/null || true
        printf '\r\033[K' >&2
    fi
    if [ $status -ne 0 ]; then
        grep -m 1 -A 7 -E 'CMake Error|error:' "$log" >&2 && echo ... >&2
        tail -n 10 "$log" >&2
    fi
    return $status
}

# Prints "ok", or the end of a sentence about what is wrong with an interpreter for this project.
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

# Sets python to the path of the interpreter to build with; no link in an environment, which may be removed soon.
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

# Whether the environment runs, with the requested Python if one was requested.
venv_fits() {
    [ -x "$venv/bin/python" ] || return 1
    [ -z "$python" ] || [ "$(minor_version "$venv/bin/python")" = "$(minor_version "$python")" ]
}

# Whether the environment can be updated: it fits, is complete, and was made in this place.
venv_is_sound() {
    venv_fits && [ ! -e "$partial" ] && [ "$(judge "$venv/bin/python")" = ok ] &&
        grep -qF "$venv/bin/python" "$venv/bin/pip" 2>/dev/null && "$venv/bin/python" -m pip --version >/dev/null 2>&1
}

# is_ready FILE...: whether the environment was made from these files, with the requested Python; sets key.
is_ready() {
    key="$(cat constraints.txt pyproject.toml launch/venv.sh "$@" | sha256sum) $venv ${cuda-}"
    [ -z "${PYTHON:-}" ] || choose_python
    [ "$(cat "$ready" 2>/dev/null)" = "$key" ] && venv_fits
}

make_venv() {
    [ -n "$python" ] || choose_python
    if [ -e "$venv" ]; then
        say "removing $venv_name, which is incomplete, was moved or has another Python"
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
    # With 1, pip gave up itself and left complete packages; with 2 or more it was stopped.
    [ $status -gt 1 ] || rm -f "$partial"
    return $status
}

# install_packages SIZE REQUIREMENT...: installs this project and what it needs, and the given requirements.
install_packages() {
    local log=$venv/packages.log problem="pip could not install the packages, see above; whole log: $venv/packages.log"
    say "installing packages: about $1 the first time; log: $venv_name/packages.log"
    shift
    pip_install "$log" pip setuptools wheel cmake || fail "$problem"
    # The build constraint pins setuptools for the few packages without a wheel.
    pip_install "$log" --build-constraint constraints.txt "$@" -e '.[train,test,lint]' || fail "$problem"
}

# build_horovod TIME VARIABLE=VALUE...: builds its wheel in the environment's folder wheels.
build_horovod() {
    local log=$venv/horovod-build.log jobs
    # Horovod's own default is 8 on every machine.
    jobs=$(nproc)
    say "building Horovod $horovod, about $1 on two cores; log: $venv_name/horovod-build.log"
    shift
    # Without the cache, where a wheel may have been built for another framework.
    logged "$log" env MAKEFLAGS=-j$((jobs < 8 ? jobs : 8)) \
        HOROVOD_WITH_MXNET=1 HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_TENSORFLOW=1 \
        HOROVOD_WITH_GLOO=1 HOROVOD_WITHOUT_MPI=1 "$@" \
        python -m pip wheel --verbose --no-input --no-cache-dir --no-build-isolation --no-deps \
        --wheel-dir "$venv/wheels" "horovod==$horovod" ||
        fail "Horovod did not build, see above; whole log: $log"
}

# Whether the environment has Horovod as pinned, with NCCL if cuda is set.
horovod_works() {
    python - "$horovod" "${cuda-}" >/dev/null 2>&1 <<'PY'
import importlib.metadata, sys

assert importlib.metadata.version("horovod") == sys.argv[1]
import horovod.mxnet
assert bool(horovod.mxnet.nccl_built()) == bool(sys.argv[2])
PY
}

install_horovod() {
    pip_install "$venv/packages.log" --force-reinstall --no-deps --no-index --find-links "$venv/wheels" horovod ||
        fail "Horovod was built but could not be installed; log: $venv/packages.log"
    pip_install "$venv/packages.log" "horovod==$horovod" || fail "Horovod's requirements could not be installed"
}

# Has horovodrun end without a traceback when its ranks do, who say why themselves.
quieten_horovodrun() {
    printf '%s\n' "#!$venv/bin/python" 'import sys' 'from launch.job.quiet_horovodrun import main' \
        'if __name__ == "__main__":' '    sys.exit(main())' >"$venv/bin/horovodrun.new"
    chmod +x "$venv/bin/horovodrun.new"
    mv "$venv/bin/horovodrun.new" "$venv/bin/horovodrun"
}

verify() {
    local log=$venv/verify.log hint=""
    quieten_horovodrun
    getent hosts "$(uname -n)" >/dev/null || hint="; this host's own name, $(uname -n), does not resolve: add it to /etc/hosts"
    logged "$log" timeout 120 horovodrun -np 2 python -m launch.verify ||
        fail "two ranks could not exchange sums, see above; whole log: $log$hint"
    sed -n 's/.*<stdout>: *//p' "$log"
}

