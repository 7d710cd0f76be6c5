"""The budgets of a policy as exchanges meet them: one object per policy, made only for one that has any."""

from collections.abc import Mapping
from functools import cache

from msgspec.structs import replace

from extproc.apis import Request
from extproc.policy import Policy
from extproc.policy.limit_headers import PROVIDER_LIMITS
from extproc.policy.tenants import is_tenant
from extproc.protocol.effects import HeaderMutation
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Headers
from extproc.protocol.work import WorkResult
from extproc.signals.asked import AskedValues
from extproc.transaction.memory import Memory
from extproc.transaction.needs import Needs
from extproc.transaction.requests.priced import unpriced
from extproc.transaction.requests.tenants import value_of
from extproc.transaction.shared import Shared
from extproc.transaction.spending.account import Spending
from extproc.transaction.spending.telling import fields_of, refusal, uncountable
from extproc.transaction.spending.work import LedgerWork, Unreserved
from extproc.transaction.steering.misconfigured import ALWAYS_SHOWN, MisconfiguredError
from extproc.usage.budgets.estimate import UNPAID, ExpectedTokens, expected
from extproc.usage.budgets.ledger import Ask, LedgerError, Reserved
from extproc.usage.budgets.rules import Amounts, BudgetRule, Facts, nano_usd, rules_of
from extproc.usage.prices import PriceBook


class SpendingPlan:
    """What budgets ask of each exchange. Immutable but for the caches of its rules."""

    def __init__(self, policy: Policy, prices: PriceBook) -> None:
        self.rules = rules_of(policy)
        self._named = {each.name: each for each in self.rules}
        self._prices = prices
        self.state = policy.state
        self._allows = policy.state.on_failure == "allow"
        self.headers = tuple(dict.fromkeys(each.header for each in policy.budgets if each.header is not None))
        """The header fields that name subjects."""

    def needing(self, needs: Needs) -> Needs:
        """Return what Envoy must hand over with budgets: responses show what requests came to."""
        fields = (each for each in self.headers if each not in needs.fields)
        return replace(needs, response_headers=True, fields=(*needs.fields, *fields))

    def subjects(self, message: Headers, *, known: bool) -> Mapping[str, str]:
        """Return the values of the headers that name subjects. `known`: Envoy is configured for the policy.

        Raises:
            ClientError: 403, one comes several times, or is not fit for a name.
            MisconfiguredError: Envoy may not show them.
        """
        if not self.headers:
            return {}
        if not known and ALWAYS_SHOWN not in message.fields:
            raise MisconfiguredError("forward_rules")
        found = {}
        for name in self.headers:
            value = value_of(name, message.fields)
            if value is None or (value and not is_tenant(value)):
                raise ClientError(403, "subject_unclear", "The gateway could not tell whose budget is asked for.")
            found[name] = value
        return found

    def reserve(self, shared: Shared, memory: Memory, asked: Request, body: bytes, now: float) -> LedgerWork | None:
        """Reserve what a request may take, now that its backend is chosen; work if the state answers later.

        Raises:
            ClientError: there is no room (429), no price (403), or no state to count in (503).
        """
        if shared.ledger is None or shared.epoch is None or memory.observed:
            return None
        at = shared.epoch + now
        asks, later = self._asks(memory, asked, body, at)
        if not asks:
            return None
        memory.spending = Spending(asks, shared.ledger, later=later)
        try:
            found = shared.ledger.reserve(asks, at)
        except LedgerError as error:
            self._failed(memory.spending, error.fault)
            return None
        if isinstance(found, Reserved):
            self._take(memory.spending, found, at)
            return None
        return LedgerWork(found, shared.ledger.timeout)

    def take(self, shared: Shared, memory: Memory, result: WorkResult, now: float) -> None:
        """Take what the state answered later. Raises ClientError as `reserve` does."""
        spending = memory.spending
        assert spending is not None, "it was asked for"
        if isinstance(result, Unreserved):
            self._failed(spending, result.reason)
        else:
            assert isinstance(result, Reserved), "a ledger has no other result"
            self._take(spending, result, (shared.epoch or 0.0) + now)

    def settle(self, memory: Memory, *, whole: bool) -> None:
        """Charge an exchange that is over with what it took."""
        spending = memory.spending
        if spending is None or spending.uncounted:
            return
        settled = spending.settled(memory.usage, memory.cost, whole=whole)
        if settled:
            spending.ledger.settle(settled)
        memory.charges = spending.charges(settled)

    def told(self, shared: Shared, memory: Memory, headers: HeaderMutation | None, now: float) -> HeaderMutation | None:
        """Return the changes to a response's headers, with how the budgets stand in the place of a provider's word."""
        if memory.observed:
            return headers
        spending = memory.spending
        fields = (
            ()
            if spending is None or spending.reserved is None
            else fields_of(spending.asks, spending.standings, (shared.epoch or 0.0) + now)
        )
        removed = _removed(tuple([name for name, _ in fields]))
        if headers is None:
            return HeaderMutation((), removed, fields)
        return HeaderMutation(headers.set, (*headers.remove, *removed), (*headers.more, *fields))

    def spent(self, shared: Shared, memory: Memory, now: float) -> AskedValues:
        """Return the parts of budgets that are used, for rules that ask before a backend is chosen."""
        facts = self._facts(memory, "")
        at = (shared.epoch or 0.0) + now

        def part(name: str) -> float:
            rule = self._named.get(name)
            if rule is None or shared.ledger is None:
                return 0.0
            standing = shared.ledger.standing(self._ask(rule, facts, memory, 0, at), at)
            if standing is None:
                return 0.0
            return standing.used / standing.limit if standing.limit else 1.0

        return AskedValues(part)

    # -- what is asked for

    def _facts(self, memory: Memory, backend: str) -> Facts:
        circumstances = memory.circumstances
        return Facts(circumstances.tenant, circumstances.key, memory.model or "", backend, memory.subjects)

    def _ask(self, rule: BudgetRule, facts: Facts, memory: Memory, amount: int, at: float) -> Ask:
        shown = memory.circumstances.shown if rule.of_keys else None
        own = None if shown is None else shown.budgets.get(rule.name)
        return rule.ask(rule.subject(facts), amount, at, own)

    def _asks(self, memory: Memory, asked: Request, body: bytes, at: float) -> tuple[tuple[Ask, ...], bool]:
        """Return what is asked for, and whether the response comes in another exchange."""
        choice = memory.choice
        facts = self._facts(memory, "" if choice is None else choice.candidate.destination.name)
        claimed = memory.claimed
        free = claimed is not None and claimed.api.name in UNPAID
        tokens = ExpectedTokens(0, 0) if free else None
        found = []
        for rule in self.rules:
            if not rule.matches(facts):
                continue
            if tokens is None and rule.counts_tokens:
                tokens = expected(body, claimed.api.name if claimed is not None else "")
            amount = self._amount(rule, memory, asked, tokens)
            if amount is not None:
                found.append(self._ask(rule, facts, memory, amount, at))
        return tuple(found), tokens is not None and tokens.later

    def _amount(self, rule: BudgetRule, memory: Memory, asked: Request, tokens: ExpectedTokens | None) -> int | None:
        """Return how much of a budget a request may take; None for a shadow budget that cannot tell."""
        if tokens is None or not rule.counts_tokens:
            return 1
        output = tokens.output(rule.output_tokens)
        nanos = self._dearest(memory, asked, tokens.input, output) if rule.needs_price else None
        amount = rule.amount(Amounts(tokens.input + output, nanos))
        if amount is None and rule.enforced:
            raise unpriced()
        return amount

    def _dearest(self, memory: Memory, asked: Request, given: int, made: int) -> int | None:
        """Return the price at the dearest of the backends that may serve; None if one has none."""
        choice = memory.choice
        if choice is None:
            return None
        dearest = 0
        for each in choice.plan or (choice.candidate,):
            price = self._prices.of(each.destination.name, each.model or asked.model)
            cost = None if price is None else price.cost(given, made)
            if cost is None:
                return None
            dearest = max(dearest, nano_usd(cost))
        return dearest

    # -- what became of it

    def _take(self, spending: Spending, found: Reserved, at: float) -> None:
        spending.reserved = found
        if not found.taken:
            spending.refused = True
            raise refusal(spending.asks, found.standings, at)

    def _failed(self, spending: Spending, reason: str) -> None:  # noqa: ARG002  - the log of work has it
        spending.uncounted = True
        if not self._allows:
            raise uncountable()

    def __repr__(self) -> str:
        return f"SpendingPlan({', '.join(each.name for each in self.rules)})"


@cache
def _removed(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return a provider's headers but those of some names, of which there are as many as units are told of."""
    return tuple([name for name in PROVIDER_LIMITS if name not in names])
