"""The list of models is an answer of ours, and is recorded as one."""

from extproc.protocol.effects import Reject
from extproc.protocol.messages import StreamClosed
from extproc.protocol.record import Record
from extproc.testing.playbook import Playbook, request_headers
from tests.transaction.plans import plan


def test_the_list_of_models_is_recorded_as_answered_and_not_as_a_client_that_left() -> None:
    with Playbook(plan()) as envoy:
        envoy.sends(request_headers("/v1/models", method="GET", end=True)).gets_one(Reject)
        (record,) = envoy.transaction.receive(StreamClosed(), 1.0)
    assert isinstance(record, Record)
    assert (record.decision, record.reason, record.status) == ("allowed", "models", 200)
