#!/usr/bin/env bash
# Makes .venv-gpu: like .venv, but with MXNet's GPU build, CUDA's libraries, and Horovod built with NCCL if possible.
#
# NCCL needs an nvcc of CUDA 11 on this machine, in CUDA_HOME or where toolkits usually are. Without one, Horovod is
# that of .venv, and gradients go through host memory. PYTHON=python3.10 chooses the interpreter. Needs neither root
# nor a GPU. Like setup.sh, it may be interrupted and repeated.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

venv=$PWD/.venv-gpu
source launch/venv.sh

# One folder with all of CUDA's libraries, which ner_dist/ranks/python_environment.py puts on LD_LIBRARY_PATH.
libraries=$venv/lib/cuda
# The toolkit to build with and its host compilers, once found.
cuda=
cc=
cxx=
# What to tell the user about them.
notes=()

# Sets cuda to the folder of a CUDA 11 with a compiler; notes which others were skipped, and why.
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
            # 11.1 is the oldest that supports compute capability 8.6.
            11.[1-9]) cuda=$folder && return ;;
            "") notes+=("skipping $folder/bin/nvcc, which does not run") ;;
            *) notes+=("skipping $folder/bin/nvcc of CUDA $version: MXNet's GPU build needs 11.1 to 11.8") ;;
        esac
    done
}

# Sets cc and cxx to compilers that CUDA 11 accepts: GCC up to 11.
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
    local missing="" remedy
    remedy="install nvidia-cuda-toolkit, gcc-11 and g++-11 (Debian 12 with non-free, Ubuntu 22.04) and repeat"
    find_cuda
    if [ -z "$cuda" ]; then
        missing="no nvcc of CUDA 11 was found"
    elif ! find_host_compilers; then
        missing="the nvcc of $cuda needs GCC up to 11, and none was found"
        cuda=
    fi
    [ -z "$missing" ] ||
        notes+=("$missing: Horovod goes without NCCL, and gradients through host memory; to change that, $remedy")
}

driver_is_there() { python -c 'import ctypes; ctypes.CDLL("libcuda.so.1")' 2>/dev/null; }

# Makes MXNet importable during set-up on a machine without a driver, with the toolkit's stub of one.
find_driver() {
    local stub
    driver_is_there && return
    for stub in "$cuda/lib64/stubs" "$cuda/targets/x86_64-linux/lib/stubs" /usr/lib/x86_64-linux-gnu/stubs; do
        if [ -n "$cuda" ] && [ -e "$stub/libcuda.so" ]; then
            say "no NVIDIA driver here: the stub in $stub replaces it during set-up"
            mkdir -p "$venv/stub"
            ln -sfn "$stub/libcuda.so" "$venv/stub/libcuda.so.1"
            export LD_LIBRARY_PATH="$venv/stub:$LD_LIBRARY_PATH"
            return
        fi
    done
    return 1
}

nvidia_packages() { python -c 'import sysconfig; print(sysconfig.get_path("purelib") + "/nvidia")'; }

# Links every library of CUDA's packages by the name under which it is opened.
link_libraries() {
    local nvidia library
    nvidia=$(nvidia_packages)
    rm -rf "$libraries"
    mkdir -p "$libraries"
    ln -s "$nvidia"/*/lib/*.so* "$libraries"
    # cuDNN and Horovod open these without a version.
    for library in nvrtc nccl; do
        ln -sfn "$(basename "$nvidia"/*/lib/lib$library.so.*)" "$libraries/lib$library.so"
    done
    # Also the driver's, which often lacks this name; next to the C library, if there is no driver yet.
    library=$(ldconfig_lists 'libcuda\.so\.1') || library=$(dirname "$(ldconfig_lists 'libc\.so\.6')")/libcuda.so.1
    ln -s "$library" "$libraries/libcuda.so"
}

# Prints the path of a 64-bit library of the system by a pattern of its name.
ldconfig_lists() {
    PATH=$PATH:/sbin:/usr/sbin ldconfig -p | sed -n "s/^[[:space:]]*$1 (.*x86-64.*) => //p" | grep -m 1 .
}

# Makes activate set LD_LIBRARY_PATH, and deactivate restore it.
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

build_horovod_with_nccl() {
    local nvidia
    nvidia=$(nvidia_packages)
    # /usr/bin, because Debian's nvcc searches PATH for ptxas and others, where those of another CUDA may come first.
    # The compute capabilities are MXNet's.
    build_horovod "100 s" PATH="$venv/bin:$cuda/bin:/usr/bin:$PATH" CC=$cc CXX=$cxx \
        CPATH="$nvidia/cudnn/include:$nvidia/nccl/include" \
        HOROVOD_CPU_OPERATIONS=GLOO HOROVOD_GPU=CUDA HOROVOD_GPU_OPERATIONS=NCCL HOROVOD_CUDA_HOME="$cuda" \
        HOROVOD_NCCL_INCLUDE="$nvidia/nccl/include" HOROVOD_NCCL_LIB="$libraries" HOROVOD_NCCL_LINK=SHARED \
        HOROVOD_BUILD_CUDA_CC_LIST=50,60,70,80,86
}

# Without nvcc, Horovod cannot be built against MXNet's GPU build; that of .venv works with it, through host memory.
take_horovod_of_cpu() {
    local wheel
    say "Horovod is that of .venv, which is set up first"
    env -u LD_LIBRARY_PATH launch/setup.sh
    wheel=$(ls .venv/wheels/horovod-"$horovod"-cp"$(minor_version "$venv/bin/python" | tr -d .)"-*.whl 2>/dev/null) ||
        fail ".venv has no Horovod for Python $(minor_version "$venv/bin/python"), which .venv-gpu has;" \
            "make both with one Python: make setup setup-gpu PYTHON=$python"
    mkdir -p "$venv/wheels"
    cp "$wheel" "$venv/wheels"
}

main() {
    choose_toolkit
    ! is_ready launch/mxnet_gpu.toml launch/setup-gpu.sh || return 0
    [ ${#notes[@]} -eq 0 ] || printf 'setup: %s\n' "${notes[@]}"
    check_machine
    export PATH="$venv/bin:$PATH" LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    check_build_tools
    venv_is_sound || make_venv
    [ -z "$cuda" ] || find_driver || fail "Horovod's build loads MXNet's GPU build, which needs an NVIDIA driver, and" \
        "there is neither one here nor a stub of one in $cuda; set up on a machine with a driver, or install the" \
        "whole toolkit"
    rm -f "$ready" "$venv"/*.log
    # A copy, because pip leaves files where it builds.
    mkdir -p "$venv/mxnet"
    cp launch/mxnet_gpu.toml "$venv/mxnet/pyproject.toml"
    install_packages "2.4 GB (4.8 GB on disk)" "$venv/mxnet"
    link_libraries
    extend_activate
    if ! horovod_works; then
        if [ -n "$cuda" ]; then build_horovod_with_nccl; else take_horovod_of_cpu; fi
        install_horovod
    fi
    if driver_is_there; then
        verify
    else
        say "nothing was verified, because MXNet's GPU build cannot be loaded without an NVIDIA driver"
    fi
    rm -rf "$venv/stub"
    echo "$key" >"$ready"
}

# Does nothing if a test sources it.
[ "${BASH_SOURCE[0]}" != "$0" ] || main
