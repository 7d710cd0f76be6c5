"""The sum of a replay: how many decisions change, from what to what, with examples."""

from collections import Counter
from collections.abc import Iterator

from msgspec import Struct, field

from extproc.explain.replaying.decisions import Replayed

EXAMPLES: int = 5
"""Ids of exchanges that are kept for each kind of change."""


class DecisionChange(Struct):
    """Exchanges whose decision changes in the same way."""

    before: str
    after: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


class ReplaySummary(Struct):
    """Counts of a replay. `unreplayable`: by the reason. `by_record`: replayed without a body, by what is recorded.

    `findings`: how many more there are, by processor and kind. `unpriced`: exchanges whose cost is not known on one of
    the sides; they are in none of the two sums.
    """

    lines: int = 0
    same: int = 0
    changed: int = 0
    by_record: int = 0
    unreplayable: Counter[str] = field(default_factory=Counter)
    bad: int = 0
    changes: dict[tuple[str, str], DecisionChange] = field(default_factory=dict)
    findings: Counter[str] = field(default_factory=Counter)
    cost_before: float = 0.0
    cost_after: float = 0.0
    unpriced: int = 0

    def take(self, name: str, found: Replayed) -> None:
        """Count an exchange; `name` is its id."""
        if found.cost_before is None or found.cost_after is None:
            self.unpriced += 1
        else:
            self.cost_before += found.cost_before
            self.cost_after += found.cost_after
        self.findings.update(found.findings)
        if not found.changed:
            self.same += 1
            return
        self.changed += 1
        key = (str(found.before), str(found.after) if found.before != found.after else "same, other findings")
        change = self.changes.setdefault(key, DecisionChange(*key))
        change.count += 1
        if len(change.examples) < EXAMPLES:
            change.examples.append(name)

    def document(self) -> dict[str, object]:
        """Return the summary as plain data, for JSON."""
        return {
            "lines": self.lines,
            "replayed": self.same + self.changed,
            "by_record_alone": self.by_record,
            "same": self.same,
            "changed": self.changed,
            "not_replayable": dict(self.unreplayable),
            "bad_lines": self.bad,
            "changes": [
                {"before": each.before, "after": each.after, "count": each.count, "examples": each.examples}
                for each in self._ordered()
            ],
            "findings": {name: number for name, number in self.findings.items() if number},
            "cost_usd": {"before": self.cost_before, "after": self.cost_after, "unpriced": self.unpriced},
        }

    def table(self) -> Iterator[str]:
        """Yield the summary for people."""
        left = ", ".join(f"{count} {_REASONS[why]}" for why, count in sorted(self.unreplayable.items()))
        yield f"{self.lines} exchanges: {self.changed} change, {self.same} stay as they are" + (
            f"; not replayable: {left}" if left else ""
        )
        if self.by_record:
            yield f"{self.by_record} of them were decided without a body, by what the record says"
        if self.changes:
            wide = [max(len(text) for text in column) for column in zip(*self.changes, strict=True)]
            yield ""
            yield f"{'count':>8}  {'before':{wide[0]}}  {'after':{wide[1]}}  such as"
            for each in self._ordered():
                yield f"{each.count:8}  {each.before:{wide[0]}}  {each.after:{wide[1]}}  {each.examples[0]}"
        gained = [f"{name} {number:+d}" for name, number in sorted(self.findings.items()) if number]
        if gained:
            yield f"\nfindings: {', '.join(gained)}"
        change = self.cost_after - self.cost_before
        yield f"\ncost: ${self.cost_before:.6f} before, ${self.cost_after:.6f} after ({change:+.6f})" + (
            f"; {self.unpriced} without a known price" if self.unpriced else ""
        )

    def _ordered(self) -> list[DecisionChange]:
        return sorted(self.changes.values(), key=lambda each: (-each.count, each.before, each.after))


_REASONS = {"no_body": "without a body", "undecided": "undecided then"}
