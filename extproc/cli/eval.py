"""`extproc eval`: how well the processors of a policy find what labelled lines say is there."""

import argparse
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from extproc.cli.common import STDIN, USAGE, CommandError, Subparsers, complain, draft_or_exit, prepared_or_exit
from extproc.cli.explain import Explain, asking, lines_of
from extproc.explain.evaluation import JudgedSide, KnownLabels, LabelFigures, Threshold, evaluate, judged, reporting
from extproc.explain.explanation import explain
from extproc.explain.labelled import read_labelled
from extproc.explain.rehearsal import unasked
from extproc.transaction import Shared

SHOWN: Final = 10
"""Numbers of lines that the table shows for a label; --json has more."""

_UNNAMED: Final = "model"
"""The model of a bare text, where the policy names none."""


class Evaluation(Struct, frozen=True):
    """The output with --json. `unread`: numbers of lines that are no labelled lines, or were rejected unjudged."""

    lines: int
    unread: Sequence[int]
    labels: Sequence[LabelFigures]


def add_parser(subparsers: Subparsers) -> None:
    """Add `eval` and its options."""
    parser = subparsers.add_parser(
        "eval",
        help="measure a policy on labelled lines",
        description='A labelled line is {"text": "...", "expect": ["injection"]}. "role" may be user (the default), '
        "tool, document or assistant, which is a response. Or it is a request as `extproc explain` takes it, with "
        '"expect": the names of processors or kinds that are to find something, [] if it is harmless; beside a '
        'response {"request": [...], "response": [...]}. '
        "All processors only report. Texts are never printed. Exits with 0, or with 2 after a line that could "
        "not be judged.",
    )
    parser.add_argument(
        "-c", "--config", type=Path, required=True, metavar="policy.yaml", help="the policy to go by; - reads stdin"
    )
    parser.add_argument("cases", type=Path, metavar="cases.jsonl", help="labelled lines; - reads stdin")
    parser.add_argument(
        "--max-fpr",
        type=_share,
        metavar="SHARE",
        help="report the lowest threshold at which no greater share of other lines is found (0.01 for one in a "
        "hundred); without it, the threshold with the greatest F1",
    )
    parser.add_argument(
        "--ask-guards", action="store_true", help="send texts to the guards from elsewhere that the policy names"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Judge all lines, and print the figures."""
    if args.config == STDIN and args.cases == STDIN:
        raise CommandError("only one of policy and cases can be read from stdin", USAGE)
    draft = draft_or_exit(args.config)
    if draft.policy is not None:
        draft = replace(draft, policy=reporting(draft.policy))
    prepared = prepared_or_exit(draft, os.environ if args.ask_guards else None)
    models = prepared.loaded.policy.models
    explained = partial(explain, prepared.plan, ask=asking() if args.ask_guards else unasked)
    unread: list[int] = []
    with lines_of(args.cases) as lines:
        kept = list(_each(explained, lines, models[0].name if models else _UNNAMED, unread, KnownLabels(prepared.plan)))
    figures, count = evaluate(kept, args.max_fpr), len({each.number for each in kept})
    if args.json:
        document = Evaluation(count + len(unread), unread, figures)
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    else:
        print("\n".join(_table(figures, count, args.max_fpr)))
    return USAGE if unread else 0


def _each(
    explained: Explain, lines: Iterable[bytes], model: str, unread: list[int], labels: KnownLabels
) -> Iterator[JudgedSide]:
    shared = Shared(detailed=True, epoch=time.time())
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            line = read_labelled(text, model)
            sides = labels.sides(line)
            explanation = explained(shared, line.request)
        except ValueError as error:
            reason = str(error)
        else:
            if explanation.action != "reject":
                yield from judged(number, sides, explanation, labels)
                continue
            reason = f"the request was rejected with {explanation.status} before it was judged"
        unread.append(number)
        complain(f"line {number}: {reason}")


def _table(figures: Sequence[LabelFigures], lines: int, most_wrong: float | None) -> Iterator[str]:
    width = max([5, *(len(each.label) for each in figures)])
    yield f"lines judged: {lines}"
    yield f"side      {'label':{width}}  expected   found  missed   wrong  precision  recall"
    for each in figures:
        yield (
            f"{each.side:8}  {each.label:{width}}  {each.expected:8}  {each.found:6}  {each.missed:6}  {each.wrong:6}  "
            f"{_figure(each.precision):>9}  {_figure(each.recall):>6}"
        )
    for each in figures:
        name = f"{each.label} in {each.side}s"
        yield from (f"{name}: {_best(found, most_wrong)}" for found in each.best)
        for what, numbers, count in (
            ("missed", each.missed_lines, each.missed),
            ("wrong", each.wrong_lines, each.wrong),
        ):
            if numbers:
                more = f" and {count - SHOWN} more" if count > SHOWN else ""
                yield f"{name}: {what} in lines {', '.join(map(str, numbers[:SHOWN]))}{more}"
        if each.unjudged:
            yield f"{name}: not counted in {each.unjudged} lines, where no processor gave a verdict"


def _best(best: Threshold, most_wrong: float | None) -> str:
    why = "greatest F1" if most_wrong is None else f"lowest with at most {most_wrong:g} wrong"
    return (
        f"best {best.setting} {best.threshold:.4f} ({why}): precision {_figure(best.precision)}, "
        f"recall {_figure(best.recall)}, false positive rate {best.false_positive_rate:.4f}"
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("a share is between 0 and 1")
    return value
