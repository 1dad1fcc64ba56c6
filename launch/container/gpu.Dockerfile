# The image for NVIDIA GPUs of compute capability 5.0 to 8.9: the environment of launch/setup-gpu.sh, with NCCL.
#
# Tested: built with buildah, and started without a driver and with a stub of one, where MXNet was imported, NCCL was
# found, and one and two ranks trained on the CPU. Never run with a GPU or with the NVIDIA Container Toolkit.
#
#   docker build -f launch/container/gpu.Dockerfile -t ner-dist:gpu .     (about 15 minutes; 5.4 GB; builder 11 GB)
#   docker run --rm --gpus all -v "$PWD/data:/opt/ner-dist/data" -v "$PWD/runs:/opt/ner-dist/runs" ner-dist:gpu \
#     horovodrun -np 2 python -m ner_dist.train --config job/default.yaml
#
# The host's driver, 450 or later, is mounted when a container starts (NVIDIA Container Toolkit); the image has none.
# Without --gpus not even the CPU works, and horovodrun then claims that Gloo support has not been built.
# Ranks run as the user ner, 1000. If your user id is another, add: --user "$(id -u)" -e HOME=/tmp
FROM debian:bookworm AS builder
ARG DEBIAN_FRONTEND=noninteractive
# nvcc 11.8 is in Debian's non-free part, and needs GCC up to 11. libnss-myhostname: see cpu.Dockerfile.
RUN find /etc/apt/sources.list* -type f -exec \
      sed -i -E 's/^(Components:|deb .*) main$/\1 main contrib non-free/' {} + \
    && apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates g++ g++-11 gcc-11 libnss-myhostname make \
       nvidia-cuda-toolkit python3.11 python3.11-venv \
    && rm -rf /var/lib/apt/lists/*

# The environment contains absolute paths, so it is built at its final place.
WORKDIR /opt/ner-dist
COPY constraints.txt pyproject.toml README.md ./
COPY data_prep data_prep
COPY launch launch
COPY ner_dist ner_dist
RUN launch/setup-gpu.sh && rm -rf /root/.cache .venv-gpu/wheels
COPY . .
# Without the logs, which name this builder's package index.
RUN .venv-gpu/bin/python -m compileall -q bench data_prep launch ner_dist && rm .venv-gpu/*.log

FROM debian:bookworm-slim
ARG DEBIAN_FRONTEND=noninteractive
# Without the host keys from the installation, which would be the same in every copy of this image.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 libnss-myhostname libquadmath0 openssh-client \
       openssh-server python3.11 \
    && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_*
RUN useradd --uid 1000 --create-home --shell /bin/bash --password '*' ner

COPY --from=builder /opt/ner-dist /opt/ner-dist
WORKDIR /opt/ner-dist
RUN install -d -o ner -g ner data runs && cp launch/container/ssh.conf /etc/ssh/ssh_config.d/ner-dist.conf
# horovodrun passes both paths on to the ranks. The last two request the GPUs and their driver from the toolkit.
ENV PATH=/opt/ner-dist/.venv-gpu/bin:$PATH \
    LD_LIBRARY_PATH=/opt/ner-dist/.venv-gpu/lib/cuda \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000

# MXNet's GPU build cannot be loaded without a driver, so the build only checks that no library but the driver's is
# missing. No pipe, because podman and buildah ignore SHELL, and with it pipefail.
RUN find .venv-gpu/lib/python3.11/site-packages/mxnet .venv-gpu/lib/python3.11/site-packages/horovod \
      -name '*.so' -exec ldd {} + >/tmp/libraries \
    && awk '$1 == "libcuda.so.1" {driver = 1; next} /not found/ {print; missing = 1} END {exit missing || !driver}' \
      /tmp/libraries \
    && rm /tmp/libraries

CMD ["python", "-m", "launch", "--help"]
