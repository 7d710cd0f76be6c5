"""`extproc serve`: the processor alone, to be attached to an Envoy that exists."""

import argparse
from pathlib import Path
from typing import Final

from extproc.cli.common import Subparsers
from extproc.server.template import Template
from extproc.server.transport import DEFAULT_TRANSPORT, SOCKET_MODE, TRANSPORTS

ADMIN: Final = "127.0.0.1:9902"
"""Beside Envoy's customary 9901, and from this host alone: what is shown there is nobody else's business."""

NO_ADMIN: Final = "none"

LOG_FORMATS: Final = ("json", "console")
"""As in `server.log`, which is imported later: see `run`."""


def add_parser(subparsers: Subparsers) -> None:
    """Add `serve` and its options."""
    parser = subparsers.add_parser("serve", help="start the processor alone, for an Envoy that exists")
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="policy.yaml", help="the policy")
    parser.add_argument(
        "--listen",
        required=True,
        metavar="ADDRESS",
        help="unix:/run/extproc.sock or host:port; worker i listens at PATH.i or port + i; port 0: the system chooses",
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that serve (default: 1)")
    parser.add_argument(
        "--transport",
        choices=sorted(TRANSPORTS),
        default=DEFAULT_TRANSPORT,
        help="how gRPC is spoken (default: %(default)s)",
    )
    parser.add_argument(
        "--admin",
        default=ADMIN,
        metavar="HOST:PORT",
        help=f"/healthz, /readyz, /metrics, /status and /budgets; {NO_ADMIN} for none (default: {ADMIN})",
    )
    parser.add_argument(
        "--admin-token-file",
        type=Path,
        metavar="FILE",
        help="a token of 16 characters or more, by which limits of budgets may be changed there (default: none may be)",
    )
    parser.add_argument(
        "--webhook",
        metavar="HOST:PORT",
        help="also answer guardrail webhooks of kgateway and agentgateway there; worker i at port + i (default: none)",
    )
    parser.add_argument(
        "--watch",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="reload when the policy or a file that it names changes (default: %(default)s)",
    )
    parser.add_argument("--tls-cert", metavar="PEM", help="certificate chain; makes the port speak TLS")
    parser.add_argument("--tls-key", metavar="PEM", help="its key")
    parser.add_argument("--tls-client-ca", metavar="PEM", help="clients must show a certificate of these authorities")
    parser.add_argument(
        "--insecure-listen",
        action="store_true",
        help="listen beyond the loopback without --tls-client-ca: any peer can then read the backends' credentials; "
        "and have --webhook answer any peer",
    )
    parser.add_argument(
        "--socket-mode",
        type=_octal,
        default=SOCKET_MODE,
        metavar="MODE",
        help=f"of a Unix socket, octal (default: {SOCKET_MODE:o})",
    )
    parser.add_argument(
        "--log", default="-", metavar="FILE", help="JSON lines; - is stdout, none for none (default: %(default)s)"
    )
    add_log_format(parser)


def add_log_format(parser: argparse.ArgumentParser) -> None:
    """Add the option that says in which form the log is."""
    parser.add_argument(
        "--log-format",
        choices=LOG_FORMATS,
        default="json",
        help="json: an object per line; console: columns for people, coloured on a terminal (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop. SIGTERM drains, a second one ends at once, SIGHUP reloads the policy."""
    # First of all: the template imports what workers need while this process imports what it needs itself.
    template = Template(args.transport)
    try:
        from extproc.cli import serving  # noqa: PLC0415  - see above

        return serving.serve(args, template)
    finally:
        template.end()


def _octal(text: str) -> int:
    mode = int(text, 8)
    if not 0 <= mode <= 0o777:
        raise argparse.ArgumentTypeError("write permissions as in chmod, such as 660")
    return mode
