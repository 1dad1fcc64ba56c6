# The image for serving an export, without MXNet, Horovod, Arrow and matplotlib: 525 MB.
#
# Tested: built with buildah on a base of debootstrap; there it served an export as user 1000.
#
#   docker build -f launch/container/serving.Dockerfile -t ner-dist:serving .
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/exports:/models:ro" ner-dist:serving /models/mine --host 0.0.0.0
#
# Or with the model inside, so that one name stands for both, and nothing need follow it:
#   printf 'FROM ner-dist:serving\nCOPY . /model\n' | docker build -f - -t ner-dist:mine exports/mine
#
# The service writes nothing but to /tmp (--read-only works).
FROM debian:bookworm-slim AS builder
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3.11 python3.11-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/ner-dist
COPY constraints.txt launch/container/serving-requirements.txt ./
# Without what installs and tests, which nobody needs any more.
RUN python3.11 -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --constraint constraints.txt --requirement serving-requirements.txt \
    && find .venv -type d -name tests -prune -exec rm -r {} + \
    && rm -r .venv/lib/python3.11/site-packages/pip* .venv/lib/python3.11/site-packages/setuptools* .venv/bin/pip*
COPY ner_dist ner_dist
# Now, because the image's user cannot write here.
RUN .venv/bin/python -m compileall -q .venv/lib ner_dist

FROM debian:bookworm-slim
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install -y --no-install-recommends libstdc++6 python3.11 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home ner
COPY --from=builder /opt/ner-dist /opt/ner-dist
ENV PATH=/opt/ner-dist/.venv/bin:$PATH \
    PYTHONPATH=/opt/ner-dist \
    PYTHONUNBUFFERED=1
# By number, so that Kubernetes can check that it is not root.
USER 1000
WORKDIR /tmp
# The build fails if the service lacks a package, its tokenizer's included.
RUN python -m ner_dist.serve --help >/dev/null \
    && python -c "import ner_dist.prediction.onnx_network, ner_dist.serving.server; \
       from ner_dist.contract.tokenizers import choose, make_tokenizer; \
       assert list(make_tokenizer(choose('rules', 'en')).sentences('It rains.'))"
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["python", "-m", "ner_dist.serve"]
CMD ["/model", "--host", "0.0.0.0", "--port", "8000"]
