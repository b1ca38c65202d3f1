# The image of a model server: vLLM, and beside it this project in a virtual environment of its own. They share no Python
# package; `ocr-pipeline engine serve` starts vLLM as a program, keeps it reading and ends it (docs/guides/gpu.md).
#
# Pinned by version; pin by digest where you build: --build-arg BASE=vllm/vllm-openai:v0.32.0@sha256:...
ARG BASE=vllm/vllm-openai:v0.32.0
# hadolint ignore=DL3006 # the version stands in BASE
FROM ${BASE} AS builder
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
ARG PIP_CERT
WORKDIR /build
COPY requirements-runtime.lock deploy/docker/requirements-build.lock ./
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ONLY_BINARY=:all:
# The base's own pip fills both environments, and touches nothing of the base.
RUN python3 -m venv --without-pip tools \
    && python3 -m pip --python tools/bin/python install --quiet --require-hashes --no-deps -r requirements-build.lock \
    && python3 -m venv --without-pip /opt/ocr-pipeline \
    && python3 -m pip --python /opt/ocr-pipeline/bin/python install --quiet --require-hashes --no-deps --no-compile \
        -r requirements-runtime.lock
COPY . .
RUN tools/bin/python -m hatchling build -t wheel -d wheels \
    && python3 -m pip --python /opt/ocr-pipeline/bin/python install --quiet --no-deps --no-index --no-compile wheels/*.whl \
    && { /opt/ocr-pipeline/bin/python -m compileall -q -j 0 /opt/ocr-pipeline/lib >/dev/null || true; } \
    && /opt/ocr-pipeline/bin/python -c 'import ocr_pipeline.cli.main'

# hadolint ignore=DL3006
FROM ${BASE} AS model-server
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ocr-pipeline-vllm" \
      org.opencontainers.image.description="vLLM, supervised: ready when it reads" \
      org.opencontainers.image.licenses="AGPL-3.0-or-later" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 ocr \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /scratch --shell /usr/sbin/nologin ocr \
    && install -d -o 10001 -g 10001 -m 0700 /scratch
COPY --from=builder /opt/ocr-pipeline /opt/ocr-pipeline
COPY deploy/docker/health.sh /usr/local/bin/health.sh
# After vLLM's own programs: `python3` and `vllm` stay the base's.
RUN ln -s /opt/ocr-pipeline/bin/ocr-pipeline /usr/local/bin/ocr-pipeline
ENV HOME=/scratch \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    VLLM_NO_USAGE_STATS=1 \
    DO_NOT_TRACK=1 \
    OCR_PIPELINE_DATA_DIR=/scratch/ocr-pipeline \
    OCR_PIPELINE_LOG_FORMAT=json
USER 10001:10001
WORKDIR /scratch
EXPOSE 8000 8001
HEALTHCHECK --interval=10s --timeout=6s --start-period=1860s --retries=3 \
    CMD ["health.sh", "http", "8001", "/health/ready"]
# The supervisor is the parent of everything here and ends it all itself.
ENTRYPOINT []
CMD ["ocr-pipeline", "engine", "serve"]
