"""`extproc serve` once its arguments are read: a supervisor and its admin port."""

import argparse
import asyncio
import sys
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Final

from extproc.cli.common import USAGE, CommandError, complain
from extproc.cli.serve import NO_ADMIN
from extproc.policy import PolicyError
from extproc.protocol.errors import ServeError
from extproc.server.listen import Listen, Tcp, parse
from extproc.server.log import Log, Sink
from extproc.server.supervisor import Options, Supervisor
from extproc.server.template import Template
from extproc.server.tls import TlsFiles

OPEN_TO_PEERS: Final = "any peer that reaches this address can read the backends' credentials"
SAFE_WAYS: Final = "use a Unix socket, a loopback address, or --tls-client-ca"
"""Parts of the message about a listener that serves any peer: ext_proc responses contain the backends' credentials."""


def serve(args: argparse.Namespace, template: Template) -> int:
    """Serve as the arguments of `extproc serve` say; `template` was started for their transport."""
    try:
        options = _options(args)
        admin = _admin(args.admin)
        log = Log(Sink(options.log), options.log_format)
    except ServeError as error:
        raise CommandError(str(error), USAGE) from None
    except OSError as error:
        raise CommandError(f"the log {args.log} cannot be opened: {error.strerror}", USAGE) from None
    try:
        return asyncio.run(_serve(options, admin, args.admin_token_file, log, template))
    except ServeError as error:
        raise CommandError(str(error)) from None
    finally:
        log.close()


async def _serve(options: Options, admin: Tcp | None, token: Path | None, log: Log, template: Template) -> int:
    try:
        supervisor = Supervisor(options, log, template)
    except PolicyError as error:
        print(error.render(), file=sys.stderr)
        return USAGE
    except ServeError as error:
        for problem in error.problems:
            complain(problem)
        return USAGE
    supervisor.life.tell = complain
    async with AsyncExitStack() as stack:
        shown = None if admin is None else await stack.enter_async_context(_site(supervisor, admin, token))

        def announce(endpoints: tuple[str, ...]) -> None:
            where = "" if shown is None else f"; admin at http://{shown}"
            print(f"extproc: ready at {' '.join(endpoints)}{where}", file=sys.stderr, flush=True)

        if shown is not None:
            log.event("admin", {"endpoint": str(shown)})
        await supervisor.run(announce)
    return 0


def _site(supervisor: Supervisor, admin: Tcp, token: Path | None) -> AbstractAsyncContextManager[Tcp]:
    from extproc.admin import serving  # noqa: PLC0415  - an HTTP server takes its time to import

    return serving(supervisor, admin, token)


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
        log_format=args.log_format,
        webhook=_webhook(args),
        watch=args.watch,
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


def _webhook(args: argparse.Namespace) -> Tcp | None:
    if args.webhook is None:
        return None
    address = parse(args.webhook)
    if not isinstance(address, Tcp):
        raise ServeError("--webhook takes host:port")
    if not address.loopback and not args.insecure_listen:
        raise ServeError(
            f"{address}: any peer could have texts judged; use a loopback address, or say --insecure-listen"
        )
    return address


def _admin(text: str) -> Tcp | None:
    if text == NO_ADMIN:
        return None
    address = parse(text)
    if not isinstance(address, Tcp):
        raise ServeError(f"--admin takes host:port or {NO_ADMIN}")
    return address
