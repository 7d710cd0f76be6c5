"""`extproc test`: the operator's own cases, played against a policy."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

from extproc.cli.common import FAILED, STDIN, USAGE, CommandError, Subparsers, prepare_or_exit
from extproc.cli.explain import asking
from extproc.explain.cases.case_file import Case, CaseFileError, read_cases
from extproc.explain.cases.verdicts import CaseVerdict, junit, lines_of, verdict
from extproc.explain.explanation import Explanation, explain
from extproc.explain.lines import SampleRequest
from extproc.explain.rehearsal import unasked
from extproc.policy.document import TEXT_MAX
from extproc.transaction import Shared

_EXAMPLE: Final = "- {name: cards are masked, request: {model: chat, messages: [...]}, expect: {action: mask}}"


def add_parser(subparsers: Subparsers) -> None:
    """Add `test` and its options."""
    parser = subparsers.add_parser(
        "test",
        help="play your own cases against a policy",
        description=f"Cases are YAML, such as `{_EXAMPLE}`; a request is written as for `extproc explain`. Nothing is "
        "sent. Exits with 0 if all is as expected, with 1 if not, with 2 if a file is wrong.",
    )
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="policy.yaml", help="the policy")
    parser.add_argument("cases", type=Path, nargs="+", metavar="cases.yaml", help="files of cases; - for stdin")
    parser.add_argument("--junit", type=Path, metavar="out.xml", help="also write the results as JUnit XML")
    parser.add_argument("-q", "--quiet", action="store_true", help="print only what is not as expected")
    parser.add_argument("--ask-guards", action="store_true", help="ask guards from elsewhere, too, with credentials")


def run(args: argparse.Namespace) -> int:
    """Play the cases."""
    plan = prepare_or_exit(args.config, os.environ if args.ask_guards else None).plan
    ask = asking() if args.ask_guards else unasked

    def explained(request: SampleRequest) -> Explanation:
        # Each case for itself: what one of them teaches about backends, or draws, is nothing to the next.
        return explain(plan, Shared(detailed=True, epoch=time.time()), request, ask=ask)

    verdicts = []
    for case in [case for path in args.cases for case in _cases(path)]:
        each = verdict(case, explained, time.perf_counter)
        verdicts.append(each)
        _say(each, quiet=args.quiet)
    failed = sum(not each.passed for each in verdicts)
    print(f"{len(verdicts)} cases: {len(verdicts) - failed} as expected, {failed} not (policy {plan.digest})")
    if args.junit is not None:
        _write(args.junit, junit(verdicts, ", ".join(map(str, args.cases)), plan.digest))
    return FAILED if failed else 0


def _cases(path: Path) -> list[Case]:
    try:
        if path == STDIN:
            return read_cases(sys.stdin.buffer.read(TEXT_MAX + 1), "<stdin>")
        with path.open("rb") as file:
            return read_cases(file.read(TEXT_MAX + 1), str(path))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", USAGE) from None
    except CaseFileError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        raise SystemExit(USAGE) from None


def _say(each: CaseVerdict, *, quiet: bool) -> None:
    if each.passed:
        if not quiet:
            print(f"ok    {each.case.name}")
        return
    print(f"FAIL  {each.case.name}  ({each.case.file}:{each.case.line})")
    for line in lines_of(each):
        print(line)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
