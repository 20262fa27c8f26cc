# The consumer's image, and with `--target simulated-llm` that of the simulated LLM.
#
#   docker build --target consumer --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" .
#   docker buildx build --sbom=true --provenance=true …    adds attestations, Debian's packages in them
#
# An index of images for several architectures; of the version that the tests run on. Dependabot moves it.
ARG BASE=python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# requirements-extras.txt has the extras, too: --build-arg REQUIREMENTS=requirements-extras.txt
ARG REQUIREMENTS=requirements.txt
# What changes seldom comes first: the locked packages, then the build backend's lock, then the code.
COPY requirements.txt requirements-extras.txt requirements-dev.txt ./
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-deps --require-hashes -r "$REQUIREMENTS" \
    && sed -n '/^setuptools==/,/#/p' requirements-dev.txt >build.txt \
    && pip install --no-deps --require-hashes -r build.txt
COPY pyproject.toml README.md ./
COPY .ci/dependencies.py .ci/
COPY schemas schemas
COPY repository repository
COPY migrations migrations
COPY consumer consumer
COPY devstack devstack
# Development code stays out of the consumer's image; its commands then say that they are not installed.
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/venv/bin/python install --no-deps --no-index /wheels/*.whl \
    && /opt/venv/bin/python .ci/dependencies.py --sbom /opt/venv/sbom.cdx.json \
    && mkdir /opt/devstack \
    && mv /opt/venv/lib/python*/site-packages/devstack /opt/devstack/

FROM ${BASE} AS runtime
RUN groupadd --gid 10001 app \
    && useradd --uid 10001 --gid app --no-create-home --home-dir /app --shell /usr/sbin/nologin app \
    && install --directory --owner app --group app /var/spool/instagram-feed
COPY --from=build /opt/venv /opt/venv
# pip compiled the packages; with a read-only root there is nothing to write, and nothing is missing.
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001:10001

FROM runtime AS simulated-llm
COPY --from=build /opt/devstack /opt/devstack
ENV PYTHONPATH=/opt/devstack
EXPOSE 8000
ENTRYPOINT ["python", "-m", "devstack.simulated_llm", "--host", "0.0.0.0", "--port", "8000"]

FROM runtime AS consumer
ARG VERSION=0.1.0 REVISION=unknown CREATED=
LABEL org.opencontainers.image.title="instagram-feed-consumer" \
    org.opencontainers.image.description="Turns overlay.completed events on Kafka into Korean Instagram posts, each paid for and stored once." \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}" \
    org.opencontainers.image.base.name="docker.io/library/python:3.11.16-slim-bookworm"
# Outside a container it listens on loopback only. The spool wants a volume: with a read-only root it needs one.
ENV OPS_HOST=0.0.0.0 OPS_PORT=8080 SPOOL_DIR=/var/spool/instagram-feed
EXPOSE 8080
# A loop that hangs; servers that are away do not make it unhealthy (/readyz tells of those).
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"OPS_PORT\"]}/healthz', timeout=3)"]
ENTRYPOINT ["instagram-feed"]
CMD ["run"]
