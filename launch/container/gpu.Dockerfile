# The image that trains on NVIDIA GPUs (compute capability 5.0 to 8.9): as launch/setup-gpu.sh makes it, with NCCL.
#
# Built with buildah, and started without a driver and with a stub of one, where MXNet was imported, NCCL found, and one
# rank and two trained on the CPU. Never run on a machine with a GPU, nor with the NVIDIA Container Toolkit.
#
#   docker build -f launch/container/gpu.Dockerfile -t ner-dist:gpu .     (about 15 minutes; 5.4 GB; builder 11 GB)
#   docker run --rm --gpus all -v "$PWD/data:/opt/ner-dist/data" -v "$PWD/runs:/opt/ner-dist/runs" ner-dist:gpu \
#     horovodrun -np 2 python -m ner_dist.train --config job/default.yaml
#
# The host's driver, 450 or later, comes in when a container starts (NVIDIA Container Toolkit); none is in the image.
# Without --gpus there is none, not even for the CPU: horovodrun then says that Gloo support has not been built.
# Ranks run as the user ner, 1000. If your own number is another, add: --user "$(id -u)" -e HOME=/tmp
FROM debian:bookworm AS builder
ARG DEBIAN_FRONTEND=noninteractive
# nvcc 11.8 is of Debian's non-free part, and takes GCC up to 11. libnss-myhostname: see cpu.Dockerfile.
RUN find /etc/apt/sources.list* -type f -exec \
      sed -i -E 's/^(Components:|deb .*) main$/\1 main contrib non-free/' {} + \
    && apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates g++ g++-11 gcc-11 libnss-myhostname make \
       nvidia-cuda-toolkit python3.11 python3.11-venv \
    && rm -rf /var/lib/apt/lists/*

# The libraries' and the environment's paths are absolute, so it is built where it will lie.
WORKDIR /opt/ner-dist
COPY constraints.txt pyproject.toml README.md ./
COPY bench bench
COPY data_prep data_prep
COPY launch launch
COPY ner_dist ner_dist
RUN launch/setup-gpu.sh && rm -rf /root/.cache .venv-gpu/wheels
COPY . .
# The logs name where this builder takes its packages from.
RUN .venv-gpu/bin/python -m compileall -q bench data_prep launch ner_dist && rm .venv-gpu/*.log

FROM debian:bookworm-slim
ARG DEBIAN_FRONTEND=noninteractive
# Of openssh-server, the host keys that its installation made would be the same in every copy of this image.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 libnss-myhostname libquadmath0 openssh-client \
       openssh-server python3.11 \
    && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_*
RUN useradd --uid 1000 --create-home --shell /bin/bash --password '*' ner

COPY --from=builder /opt/ner-dist /opt/ner-dist
WORKDIR /opt/ner-dist
RUN install -d -o ner -g ner data runs && cp launch/container/ssh.conf /etc/ssh/ssh_config.d/ner-dist.conf
# horovodrun hands both paths on to the ranks. The last two ask the container toolkit for the GPUs and their driver.
ENV PATH=/opt/ner-dist/.venv-gpu/bin:$PATH \
    LD_LIBRARY_PATH=/opt/ner-dist/.venv-gpu/lib/cuda \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000

# MXNet's GPU build cannot be loaded where there is no driver, so all that can be asked here is that its libraries and
# Horovod's lack nothing but the driver's. No pipe: podman and buildah ignore SHELL, and with it pipefail.
RUN find .venv-gpu/lib/python3.11/site-packages/mxnet .venv-gpu/lib/python3.11/site-packages/horovod \
      -name '*.so' -exec ldd {} + >/tmp/libraries \
    && awk '$1 == "libcuda.so.1" {driver = 1; next} /not found/ {print; missing = 1} END {exit missing || !driver}' \
      /tmp/libraries \
    && rm /tmp/libraries

CMD ["python", "-m", "launch", "--help"]
