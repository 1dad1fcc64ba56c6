# The image that trains on CPUs: the environment of launch/setup.sh and the project, at the same path in both stages.
#
#   docker build -f launch/container/cpu.Dockerfile -t ner-dist:cpu .        (or podman, or buildah build; about 5 minutes)
#   docker run --rm -v "$PWD/data:/opt/ner-dist/data" -v "$PWD/runs:/opt/ner-dist/runs" ner-dist:cpu \
#     horovodrun -np 2 python -m ner_dist.train --config job/default.yaml
#
# Ranks run as the user ner, 1000. If your own number is another, add: --user "$(id -u)" -e HOME=/tmp
FROM debian:bookworm AS builder
ARG DEBIAN_FRONTEND=noninteractive
# libnss-myhostname: Gloo asks for the address of this host's own name, which not every builder puts into /etc/hosts.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates g++ libnss-myhostname make python3.11 python3.11-venv \
    && rm -rf /var/lib/apt/lists/*

# Horovod's and the environment's paths are absolute, so it is built where it will lie.
WORKDIR /opt/ner-dist
# Only what the environment is made from, so that another job file or page does not build it anew.
COPY constraints.txt pyproject.toml README.md ./
COPY bench bench
COPY data_prep data_prep
COPY launch launch
COPY ner_dist ner_dist
RUN launch/setup.sh && rm -rf /root/.cache .venv/wheels .venv/*.log
COPY . .
# The user of the image cannot write here, so Python could not keep what it compiles.
RUN .venv/bin/python -m compileall -q bench data_prep launch ner_dist

FROM debian:bookworm-slim
ARG DEBIAN_FRONTEND=noninteractive
# Of openssh-server, the host keys that its installation made would be the same in every copy of this image.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 libnss-myhostname libquadmath0 openssh-client \
       openssh-server python3.11 \
    && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_*
# Not '!' for a password, which is none either, but locks the account against keys, too.
RUN useradd --uid 1000 --create-home --shell /bin/bash --password '*' ner

COPY --from=builder /opt/ner-dist /opt/ner-dist
WORKDIR /opt/ner-dist
RUN install -d -o ner -g ner data runs && cp launch/container/ssh.conf /etc/ssh/ssh_config.d/ner-dist.conf
ENV PATH=/opt/ner-dist/.venv/bin:$PATH
# By number, so that Kubernetes sees that it is not root.
USER 1000

# An image that is built can train on two ranks.
WORKDIR /tmp
RUN python -m data_prep synth --sentences 300 --seed 1 --out smoke/synth \
    && /opt/ner-dist/launch/shards.sh smoke/synth smoke/shards --num-shards 2 \
    && horovodrun -np 2 python -m ner_dist.train --config /opt/ner-dist/job/smoke.yaml \
       --data.shards smoke/shards --train.epochs 1 --run smoke/run \
    && rm -rf smoke /home/ner/.horovod

WORKDIR /opt/ner-dist
CMD ["python", "-m", "launch", "--help"]
