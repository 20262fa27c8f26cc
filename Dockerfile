# The consumer's image, and with `--target simulated-llm` that of the simulated LLM.
# The version that the tests run on:
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS build
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
COPY schemas schemas
COPY repository repository
COPY migrations migrations
COPY consumer consumer
COPY devstack devstack
# Development code stays out of the consumer's image; its commands then say that they are not installed.
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/venv/bin/python install --no-deps --no-index /wheels/*.whl \
    && mkdir /opt/devstack \
    && mv /opt/venv/lib/python*/site-packages/devstack /opt/devstack/

FROM python:${PYTHON_VERSION}-slim AS runtime
RUN groupadd --gid 10001 app \
    && useradd --uid 10001 --gid app --no-create-home --home-dir /app --shell /usr/sbin/nologin app
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
# Outside a container it listens on loopback only.
ENV OPS_HOST=0.0.0.0
EXPOSE 8080
ENTRYPOINT ["instagram-feed"]
CMD ["run"]
