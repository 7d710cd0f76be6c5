"""`scripts/fuzz`: a search without end for bytes that break the connection, guided by coverage.

Needs atheris, which is not among the development tools: it has no wheel for every Python that we support.
Arguments go to libFuzzer, such as `-max_total_time=600`; what it finds interesting is kept in `.fuzz/`.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

KEPT = Path(".fuzz")


def main() -> int:
    """Searches; ends with a crash, or with the time that libFuzzer was given."""
    if find_spec("atheris") is None:
        print("atheris is not installed: .venv/bin/pip install atheris", file=sys.stderr)  # noqa: T201  - a program
        return 2
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["extproc.server.h2"]):
        from tests.server.h2 import fuzzing

    KEPT.mkdir(exist_ok=True)
    atheris.Setup([sys.argv[0], *sys.argv[1:], str(KEPT), str(fuzzing.CORPUS)], fuzzing.run)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
