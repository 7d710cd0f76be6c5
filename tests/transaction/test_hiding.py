"""What a client can hide text in, from the table of `tests.hiding`: each is read, or named and refused."""

import pytest

from extproc.protocol.effects import Reject
from extproc.testing.playbook import Playbook, request_body, request_headers
from tests.hiding import READ, REFUSED, Place, places
from tests.records import logged
from tests.transaction.test_inspection import plan

BLOCKING = plan("  - {name: p, request: [{use: pii, kinds: [email, credit_card], action: block}]}\n")
PLACES = places()


def test_no_place_stands_in_the_table_twice() -> None:
    names = [place.name for place in PLACES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_what_can_hide_text_is_read_or_named(place: Place) -> None:
    fields = [("content-type", place.kind.encode())] if place.kind else []
    with Playbook(BLOCKING) as envoy:
        envoy.sends(request_headers(place.path, *fields))
        refused = envoy.sends(request_body(place.body)).gets_one(Reject)
        record = logged(envoy.leaves())
    if place.outcome == REFUSED:
        assert refused.status == 400
    elif place.outcome == READ:
        assert (refused.status, record["blocked_for"]) == (403, "finding")
    else:
        reasons = [each["reason"] for each in record["uninspected"]]
        # What is named is read all the same, as far as it can be, and a finding is told first.
        assert refused.status == 403
        assert place.outcome in reasons
