#!/usr/bin/env bash
# Builds shards from a corpus in one path: a file, which is split, or a folder with a file for each split.
#
# launch/shards.sh CORPUS OUT [OPTION...]: the options go to `python -m data_prep build`. A folder's files are
# eng.train, eng.testa and eng.testb, or train.*, dev.* (or valid.*) and test.*; dev and test may be absent.
set -euo pipefail

fail() {
    printf 'shards: %s\n' "$*" >&2
    exit 1
}

# split_file FOLDER NAME...: prints the only file of FOLDER with one of the names; nothing if there is none.
split_file() {
    local folder=$1 name found=()
    shift
    for name in "$@"; do
        # Unquoted, because a name is a pattern.
        for path in "$folder"/$name; do
            [ ! -f "$path" ] || found+=("$path")
        done
    done
    [ ${#found[@]} -le 1 ] || fail "$folder has more than one file for one split: ${found[*]##*/}"
    printf '%s' "${found[*]}"
}

corpus=${1-} out=${2-}
[ -n "$out" ] || fail "usage: launch/shards.sh CORPUS OUT [OPTION...]"
[ -n "$corpus" ] || fail "which corpus? Give its file or folder: CORPUS=PATH"
[ -e "$corpus" ] || fail "$corpus does not exist; give the corpus' file or folder: CORPUS=PATH"
shift 2

sources=(--train "$corpus")
if [ -d "$corpus" ]; then
    train=$(split_file "$corpus" eng.train 'train.*')
    dev=$(split_file "$corpus" eng.testa 'dev.*' 'valid.*')
    test=$(split_file "$corpus" eng.testb 'test.*')
    [ -n "$train" ] || fail "$corpus has neither eng.train nor train.*"
    sources=(--train "$train" ${dev:+--dev "$dev"} ${test:+--test "$test"})
fi
exec python -m data_prep build "${sources[@]}" --out "$out" "$@"
