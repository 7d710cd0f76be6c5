"""Policies for tests, as an operator writes them."""

GOOD = """\
version: 1
backends:
  - name: openai
    url: https://api.openai.com/v1
    api: openai
  - name: local
    url: http://127.0.0.1:9001/v1
    api: anthropic
models:
  - name: chat
    targets:
      - {backend: openai, model: gpt-4o-mini, weight: 80}
      - {backend: local, weight: 20}
    fallback:
      - {backend: local}
"""


def backend(*lines: str) -> str:
    """A policy of one backend with these further lines; the first of them is line 6."""
    head = "version: 1\nbackends:\n  - name: a\n    url: http://127.0.0.1:1\n    api: openai\n"
    return head + "".join(f"    {line}\n" for line in lines)


def root(*lines: str) -> str:
    """A policy of one backend with these further lines at the root; the first of them is line 6."""
    return backend() + "".join(f"{line}\n" for line in lines)


def target(written: str) -> str:
    """A policy whose one model has this one target; it begins in line 8, column 16."""
    return root("models:", "  - name: chat", f"    targets: [{written}]")


def pipeline(*lines: str) -> str:
    """A policy of one backend whose one pipeline has the first of these lines, line 8; others are the root's."""
    return root("pipelines:", "  - name: default", f"    {lines[0]}", *lines[1:])


def processor(written: str) -> str:
    """A policy whose one pipeline has this one processor (or several) for requests; it begins in line 9, column 10."""
    return root("pipelines:", "  - name: default", "    request:", f"      [{written}]")
