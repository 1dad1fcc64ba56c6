# The image for training on CPUs: the environment of launch/setup.sh and the project, at the same path in both stages.
#
#   docker build -f launch/container/cpu.Dockerfile -t ner-dist:cpu .        (or podman, or buildah build; about 5 minutes)
#   docker run --rm -v "$PWD/data:/opt/ner-dist/data" -v "$PWD/runs:/opt/ner-dist/runs" ner-dist:cpu \
#     horovodrun -np 2 python -m ner_dist.train --config job/default.yaml
#
# Ranks run as the user ner, 1000. If your user id is another, add: --user "$(id -u)" -e HOME=/tmp
FROM debian:bookworm AS builder
ARG DEBIAN_FRONTEND=noninteractive
# libnss-myhostname: Gloo resolves the host's own name, which not every builder has in /etc/hosts.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates g++ libnss-myhostname make python3.11 python3.11-venv \
    && rm -rf /var/lib/apt/lists/*

# Horovod and the environment contain absolute paths, so they are built at their final place.
WORKDIR /opt/ner-dist
# Only what the environment is made from, so that a changed job file or page does not rebuild it.
COPY constraints.txt pyproject.toml README.md ./
COPY data_prep data_prep
COPY launch launch
COPY ner_dist ner_dist
RUN launch/setup.sh && rm -rf /root/.cache .venv/wheels .venv/*.log
COPY . .
# Now, because the image's user cannot write here.
RUN .venv/bin/python -m compileall -q bench data_prep launch ner_dist

FROM debian:bookworm-slim
ARG DEBIAN_FRONTEND=noninteractive
# Without the host keys from the installation, which would be the same in every copy of this image.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 libnss-myhostname libquadmath0 openssh-client \
       openssh-server python3.11 \
    && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_*
# The password '!' would lock the account for keys, too.
RUN useradd --uid 1000 --create-home --shell /bin/bash --password '*' ner

COPY --from=builder /opt/ner-dist /opt/ner-dist
WORKDIR /opt/ner-dist
RUN install -d -o ner -g ner data runs && cp launch/container/ssh.conf /etc/ssh/ssh_config.d/ner-dist.conf
ENV PATH=/opt/ner-dist/.venv/bin:$PATH
# By number, so that Kubernetes can check that it is not root.
USER 1000

# The build fails if the image cannot train on two ranks.
WORKDIR /tmp
RUN python -m data_prep synth --sentences 300 --seed 1 --out smoke/synth \
    && /opt/ner-dist/launch/shards.sh smoke/synth smoke/shards --num-shards 2 \
    && horovodrun -np 2 python -m ner_dist.train --config /opt/ner-dist/job/smoke.yaml \
       --data.shards smoke/shards --train.epochs 1 --run smoke/run \
    && rm -rf smoke /home/ner/.horovod

WORKDIR /opt/ner-dist
CMD ["python", "-m", "launch", "--help"]
