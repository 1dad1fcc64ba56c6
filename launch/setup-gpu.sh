#!/usr/bin/env bash
# Makes .venv-gpu: as .venv, but with MXNet's GPU build, CUDA's libraries, and Horovod built with NCCL if it can be.
#
# NCCL takes an nvcc of CUDA 11: the host's own, in CUDA_HOME or where toolkits usually lie. Without one, Horovod is
# that of .venv, and gradients go through host memory. PYTHON=python3.10 chooses the interpreter. Needs no root, and
# no GPU. Like setup.sh, it may be repeated and interrupted.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

venv=$PWD/.venv-gpu
source launch/venv.sh

# One folder with all of CUDA's libraries: what ner_dist/ranks/python_environment.py puts on LD_LIBRARY_PATH.
libraries=$venv/lib/cuda
# The toolkit to build with and its host compilers, once found; empty without.
cuda=
cc=
cxx=
# What is to be said of them, if there is anything to do.
notes=()

# Sets cuda to the folder of a CUDA 11 that has a compiler; notes which others were passed over, and why.
find_cuda() {
    local folder version seen=" " path_nvcc
    path_nvcc=$(command -v nvcc || true)
    for folder in "${CUDA_HOME:-}" "${HOROVOD_CUDA_HOME:-}" /usr/local/cuda-11* /usr/local/cuda /opt/cuda \
        /usr/lib/nvidia-cuda-toolkit "${path_nvcc%/bin/nvcc}"; do
        if [ -z "$folder" ] || [ ! -x "$folder/bin/nvcc" ] || [[ $seen == *" $(realpath "$folder") "* ]]; then
            continue
        fi
        seen+="$(realpath "$folder") "
        version=$("$folder/bin/nvcc" --version 2>/dev/null | sed -n 's/.*release \([0-9.]*\),.*/\1/p') || version=
        case $version in
            # The oldest that knows compute capability 8.6 is 11.1.
            11.[1-9]) cuda=$folder && return ;;
            "") notes+=("passing over $folder/bin/nvcc, which does not run") ;;
            *) notes+=("passing over $folder/bin/nvcc of CUDA $version: MXNet's GPU build takes one of 11.1 to 11.8") ;;
        esac
    done
}

# Sets cc and cxx to compilers that a CUDA 11 accepts: GCC up to 11.
find_host_compilers() {
    local suffix version
    for suffix in -11 -10 -9 ""; do
        version=$("g++$suffix" -dumpversion 2>/dev/null) || continue
        if [ "${version%%.*}" -le 11 ] && command -v "gcc$suffix" >/dev/null; then
            cc=gcc$suffix cxx=g++$suffix
            return
        fi
    done
    return 1
}

choose_toolkit() {
    local lacking="" remedy
    remedy="install nvidia-cuda-toolkit, gcc-11 and g++-11 (Debian 12 with non-free, Ubuntu 22.04) and repeat"
    find_cuda
    if [ -z "$cuda" ]; then
        lacking="no nvcc of CUDA 11 is found"
    elif ! find_host_compilers; then
        lacking="the nvcc of $cuda takes GCC up to 11, and none is found"
        cuda=
    fi
    [ -z "$lacking" ] ||
        notes+=("$lacking: Horovod goes without NCCL, and gradients through host memory; to change that, $remedy")
}

driver_is_there() { python -c 'import ctypes; ctypes.CDLL("libcuda.so.1")' 2>/dev/null; }

# Lets MXNet be imported during set-up on a machine without driver: by the toolkit's stub of one.
find_driver() {
    local stub
    driver_is_there && return
    for stub in "$cuda/lib64/stubs" "$cuda/targets/x86_64-linux/lib/stubs" /usr/lib/x86_64-linux-gnu/stubs; do
        if [ -n "$cuda" ] && [ -e "$stub/libcuda.so" ]; then
            say "no NVIDIA driver here: the stub in $stub stands in for it during set-up"
            mkdir -p "$venv/stub"
            ln -sfn "$stub/libcuda.so" "$venv/stub/libcuda.so.1"
            export LD_LIBRARY_PATH="$venv/stub:$LD_LIBRARY_PATH"
            return
        fi
    done
    return 1
}

install_mxnet_and_packages() {
    # A copy, because pip leaves its traces where it builds.
    mkdir -p "$venv/mxnet"
    cp launch/mxnet_gpu.toml "$venv/mxnet/pyproject.toml"
    install_packages "2.4 GB (4.8 GB on disk)" "$venv/mxnet"
}

# Every library of CUDA's packages under the name it is looked for by.
link_libraries() {
    local packages library
    packages=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    rm -rf "$libraries"
    mkdir -p "$libraries"
    ln -s "$packages"/nvidia/*/lib/*.so* "$libraries"
    # cuDNN and NCCL's users open these without a version.
    for library in nvrtc nccl; do
        ln -sfn "$(basename "$packages"/nvidia/*/lib/lib$library.so.*)" "$libraries/lib$library.so"
    done
    # The driver's, too, which often has no such name: beside the C library, if there is no driver yet.
    library=$(ldconfig_lists 'libcuda\.so\.1') || library=$(dirname "$(ldconfig_lists 'libc\.so\.6')")/libcuda.so.1
    ln -s "$library" "$libraries/libcuda.so"
}

# Prints the path of a 64-bit library of the system by a pattern of its name.
ldconfig_lists() {
    PATH=$PATH:/sbin:/usr/sbin ldconfig -p | sed -n "s/^[[:space:]]*$1 (.*x86-64.*) => //p" | grep -m 1 .
}

# Lets activate set LD_LIBRARY_PATH, and deactivate take it back.
extend_activate() {
    local activate=$venv/bin/activate
    grep -q _OLD_LD_LIBRARY_PATH "$activate" && return
    sed -i '/^deactivate () {/r /dev/stdin' "$activate" <<'SH'
    if [ -n "${_OLD_LD_LIBRARY_PATH+set}" ] ; then
        LD_LIBRARY_PATH="$_OLD_LD_LIBRARY_PATH"
        [ -n "$LD_LIBRARY_PATH" ] || unset LD_LIBRARY_PATH
        unset _OLD_LD_LIBRARY_PATH
    fi
SH
    cat >>"$activate" <<'SH'

# Where MXNet finds CUDA's libraries.
_OLD_LD_LIBRARY_PATH="${LD_LIBRARY_PATH-}"
export LD_LIBRARY_PATH="$VIRTUAL_ENV/lib/cuda${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
SH
}

horovod_works() {
    python - "$horovod" "$cuda" >/dev/null 2>&1 <<'PY'
import importlib.metadata, sys

assert importlib.metadata.version("horovod") == sys.argv[1]
import horovod.mxnet
assert bool(horovod.mxnet.nccl_built()) == bool(sys.argv[2])
PY
}

build_horovod_with_nccl() {
    local nvidia
    nvidia=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nvidia
    # Debian's nvcc looks for ptxas and others, which lie in /usr/bin, on PATH, where those of another CUDA may come first.
    # Machine code for the same GPUs as MXNet has.
    build_horovod "100 s" PATH="$venv/bin:$cuda/bin:/usr/bin:$PATH" CC=$cc CXX=$cxx CPATH="$nvidia/cudnn/include:$nvidia/nccl/include" \
        HOROVOD_CPU_OPERATIONS=GLOO HOROVOD_GPU=CUDA HOROVOD_GPU_OPERATIONS=NCCL HOROVOD_CUDA_HOME="$cuda" \
        HOROVOD_NCCL_INCLUDE="$nvidia/nccl/include" HOROVOD_NCCL_LIB="$libraries" HOROVOD_NCCL_LINK=SHARED \
        HOROVOD_BUILD_CUDA_CC_LIST=50,60,70,80,86
}

# Without nvcc Horovod does not build against MXNet's GPU build; the one of .venv runs with it, on host memory.
take_horovod_of_cpu() {
    local wheel
    say "Horovod is that of .venv, which is set up first"
    env -u LD_LIBRARY_PATH launch/setup.sh
    wheel=$(ls .venv/wheels/horovod-"$horovod"-cp"$(minor_version "$venv/bin/python" | tr -d .)"-*.whl 2>/dev/null) ||
        fail ".venv has no Horovod for Python $(minor_version "$venv/bin/python"), which .venv-gpu has;" \
            "make both of one Python: make setup setup-gpu PYTHON=$python"
    mkdir -p "$venv/wheels"
    cp "$wheel" "$venv/wheels"
}

main() {
    local key note
    choose_toolkit
    key="$(cat constraints.txt pyproject.toml launch/mxnet_gpu.toml launch/venv.sh launch/setup-gpu.sh | sha256sum)"
    key+=" $venv $cuda"
    if is_ready "$key"; then
        return
    fi
    for note in "${notes[@]}"; do
        say "$note"
    done
    check_machine
    export PATH="$venv/bin:$PATH" LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    check_build_tools
    venv_is_sound || make_venv
    [ -z "$cuda" ] || find_driver || fail "Horovod's build loads MXNet's GPU build, which takes an NVIDIA driver, and" \
        "there is neither one here nor a stub of one in $cuda; set up on a machine with a driver, or install the" \
        "whole toolkit"
    rm -f "$ready" "$venv"/*.log
    install_mxnet_and_packages
    link_libraries
    extend_activate
    if ! horovod_works; then
        if [ -n "$cuda" ]; then build_horovod_with_nccl; else take_horovod_of_cpu; fi
        install_horovod
    fi
    if driver_is_there; then
        verify
    else
        say "nothing was tried, as MXNet's GPU build cannot be loaded without an NVIDIA driver"
    fi
    rm -rf "$venv/stub"
    echo "$key" >"$ready"
}

# Sourced by a test, it does nothing.
[ "${BASH_SOURCE[0]}" != "$0" ] || main
