#!/usr/bin/env bash
# Makes .venv: the packages pinned in constraints.txt, Horovod built for MXNet and Gloo, and this project.
#
# make runs it before everything that needs .venv. Takes milliseconds if nothing has changed, and may be interrupted
# and repeated. PYTHON=python3.10 chooses the interpreter. Needs a C++ compiler, but not root.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

# Set if it is what the user wants, not a step towards something else.
goal=${1-}
next="next: make train, or: . .venv/bin/activate && ner-dist --help"
venv=$PWD/.venv
source launch/venv.sh

main() {
    if is_ready launch/setup.sh; then
        [ -z "$goal" ] || say "$venv_name is up to date; $next"
        return 0
    fi
    check_machine
    export PATH="$venv/bin:$PATH"
    { venv_is_sound && horovod_works; } || check_build_tools
    venv_is_sound || make_venv
    rm -f "$ready" "$venv"/*.log
    install_packages "350 MB"
    if ! horovod_works; then
        build_horovod "100 s"
        install_horovod
    fi
    verify
    echo "$key" >"$ready"
    [ -z "$goal" ] || say "done; $next"
}

main
