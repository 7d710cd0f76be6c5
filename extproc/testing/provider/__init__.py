"""A stand-in for an LLM provider: speaks the dialects, remembers what it was sent, misbehaves when told to.

In process `async with Provider("east") as provider` or, from a test that is not asynchronous,
`with running_provider("east") as provider`; as a program `python -m extproc.testing.provider --port 9001 --name east`.
What it can be told, and how, is in `orders`.
"""

from extproc.testing.provider.orders import HEADER, OrderError, Orders
from extproc.testing.provider.record import RecordedRequest, Records
from extproc.testing.provider.record import read as read_records
from extproc.testing.provider.server import Provider
from extproc.testing.provider.thread import running_provider

__all__ = [
    "HEADER",
    "OrderError",
    "Orders",
    "Provider",
    "RecordedRequest",
    "Records",
    "read_records",
    "running_provider",
]
