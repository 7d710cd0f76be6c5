"""`extproc serve`: the processor alone, to be attached to an Envoy that exists."""

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from extproc.admin import serving
from extproc.cli.common import USAGE, CommandError, Subparsers, complain
from extproc.policy import PolicyError
from extproc.server.errors import ServeError
from extproc.server.listen import Listen, Tcp, parse
from extproc.server.log import Log, Sink
from extproc.server.supervisor import Options, Supervisor
from extproc.server.tls import TlsFiles
from extproc.server.transport import DEFAULT_TRANSPORT, SOCKET_MODE, TRANSPORTS

ADMIN: Final = "127.0.0.1:9902"
"""Beside Envoy's customary 9901, and from this host alone: what is shown there is nobody else's business."""

NO_ADMIN: Final = "none"

OPEN_TO_PEERS: Final = "any peer that reaches this address can read the backends' credentials"
SAFE_WAYS: Final = "use a Unix socket, a loopback address, or --tls-client-ca"
"""Parts of the message about a listener that serves any peer: ext_proc responses contain the backends' credentials."""


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
        help=f"/healthz, /readyz, /metrics and /status; {NO_ADMIN} for none (default: {ADMIN})",
    )
    parser.add_argument("--tls-cert", metavar="PEM", help="certificate chain; makes the port speak TLS")
    parser.add_argument("--tls-key", metavar="PEM", help="its key")
    parser.add_argument("--tls-client-ca", metavar="PEM", help="clients must show a certificate of these authorities")
    parser.add_argument(
        "--insecure-listen",
        action="store_true",
        help="listen beyond the loopback without --tls-client-ca: any peer can then read the backends' credentials",
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


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop. SIGTERM drains, a second one ends at once, SIGHUP reloads the policy."""
    try:
        options = _options(args)
        admin = _admin(args.admin)
        log = Log(Sink(options.log))
    except ServeError as error:
        raise CommandError(str(error), USAGE) from None
    except OSError as error:
        raise CommandError(f"the log {args.log} cannot be opened: {error.strerror}", USAGE) from None
    try:
        return asyncio.run(_serve(options, admin, log))
    except ServeError as error:
        raise CommandError(str(error)) from None
    finally:
        log.close()


async def _serve(options: Options, admin: Tcp | None, log: Log) -> int:
    try:
        supervisor = Supervisor(options, log)
    except PolicyError as error:
        print(error.render(), file=sys.stderr)
        return USAGE
    except ServeError as error:
        for problem in error.problems:
            complain(problem)
        return USAGE
    async with AsyncExitStack() as stack:
        shown = None if admin is None else await stack.enter_async_context(serving(supervisor, admin))

        def announce(endpoints: tuple[str, ...]) -> None:
            where = "" if shown is None else f"; admin at http://{shown}"
            print(f"extproc: ready at {' '.join(endpoints)}{where}", file=sys.stderr, flush=True)

        if shown is not None:
            log.event("admin", {"endpoint": str(shown)})
        await supervisor.run(announce)
    return 0


def _options(args: argparse.Namespace) -> Options:
    listen = parse(args.listen)
    files = _tls_files(args)
    if files is not None and not isinstance(listen, Tcp):
        raise ServeError("TLS is for TCP; a Unix socket is protected by its permissions (--socket-mode)")
    if open_to_peers(listen, files):
        if not args.insecure_listen:
            raise ServeError(f"{listen}: {OPEN_TO_PEERS}; {SAFE_WAYS}, or say --insecure-listen")
        complain(f"warning: {listen}: {OPEN_TO_PEERS}; {SAFE_WAYS}")
    return Options(
        policy=args.config,
        listen=listen,
        workers=args.workers,
        transport=args.transport,
        tls_files=files,
        socket_mode=args.socket_mode,
        log=args.log,
    )


def open_to_peers(listen: Listen, files: TlsFiles | None) -> bool:
    """True if whoever reaches the address is served: it is not this machine alone, and nobody has to say who it is."""
    return isinstance(listen, Tcp) and not listen.loopback and (files is None or files.client_ca is None)


def _tls_files(args: argparse.Namespace) -> TlsFiles | None:
    if args.tls_cert is None and args.tls_key is None and args.tls_client_ca is None:
        return None
    if args.tls_cert is None or args.tls_key is None:
        raise ServeError("TLS needs both --tls-cert and --tls-key")
    return TlsFiles(args.tls_cert, args.tls_key, args.tls_client_ca)


def _admin(text: str) -> Tcp | None:
    if text == NO_ADMIN:
        return None
    address = parse(text)
    if not isinstance(address, Tcp):
        raise ServeError(f"--admin takes host:port or {NO_ADMIN}")
    return address


def _octal(text: str) -> int:
    mode = int(text, 8)
    if not 0 <= mode <= 0o777:
        raise argparse.ArgumentTypeError("write permissions as in chmod, such as 660")
    return mode
