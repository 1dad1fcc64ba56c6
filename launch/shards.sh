#!/usr/bin/env bash
# Builds shards from a corpus in one path: a file, an archive, or a folder of files.
#
# launch/shards.sh CORPUS OUT [OPTION...]: the options go to `python -m data_prep build`. Names of files say their split,
# such as eng.train, eng.testa and eng.testb, or train.*, dev.* (or valid.*) and test.*, also in folders of these names;
# without such names, all files together are split.
set -euo pipefail

fail() {
    printf 'shards: %s\n' "$*" >&2
    exit 1
}

# holds WORDS: whether a file in the corpus, by its name or a folder's, is of the split that the words stand for.
holds() {
    find -L "$corpus" -type f -not -name '.*' -printf '%P\n' | grep -qiE "(^|[^a-z])($1)([^a-z]|\$)"
}

corpus=${1-} out=${2-}
[ -n "$out" ] || fail "usage: launch/shards.sh CORPUS OUT [OPTION...]"
[ -n "$corpus" ] || fail "which corpus? Give its file or folder: CORPUS=PATH"
[ -e "$corpus" ] || fail "$corpus does not exist; give the corpus' file or folder: CORPUS=PATH"
shift 2

sources=(--train "$corpus")
if [ -d "$corpus" ] && holds 'train|training|trn'; then
    ! holds 'dev|devel|development|valid|validation|val|testa' || sources+=(--dev "$corpus")
    ! holds 'test|testing|tst|testb' || sources+=(--test "$corpus")
fi
exec python -m data_prep build "${sources[@]}" --out "$out" "$@"
