#!/usr/bin/env bash
# Makes .venv: the packages pinned in constraints.txt, Horovod built for MXNet and Gloo, and this project.
#
# Run by make before whatever needs .venv; done in milliseconds when nothing has changed since, and safe to
# interrupt and to repeat. PYTHON=python3.10 chooses the interpreter. Needs a C++ compiler, but no root.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

venv=$PWD/.venv
source launch/venv.sh

horovod_works() {
    python - "$horovod" >/dev/null 2>&1 <<'PY'
import importlib.metadata, sys

assert importlib.metadata.version("horovod") == sys.argv[1]
import horovod.mxnet
PY
}

main() {
    local key
    key="$(cat constraints.txt pyproject.toml launch/venv.sh launch/setup.sh | sha256sum) $venv"
    if is_ready "$key"; then
        return
    fi
    check_machine
    export PATH="$venv/bin:$PATH"
    if ! venv_is_sound; then
        check_build_tools
        make_venv
    elif ! horovod_works; then
        check_build_tools
    fi
    rm -f "$ready" "$venv"/*.log
    install_packages "350 MB"
    if ! horovod_works; then
        build_horovod "100 s"
        install_horovod
    fi
    verify
    echo "$key" >"$ready"
}

main
