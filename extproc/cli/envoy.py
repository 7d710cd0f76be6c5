"""`extproc envoy`: Envoy's configuration for a policy, on stdout."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Final, get_args

from extproc.cli.common import USAGE, CommandError, Subparsers, prepare_or_exit
from extproc.gateway.bootstrap import SYSTEM_CA, ProcessorTls, Profile, SocketAddress, bootstrap, render
from extproc.protocol.errors import ServeError
from extproc.server.listen import Tcp, parse

ENDPOINT: Final = "unix:/run/extproc.sock"
HOST: Final = "127.0.0.1"
PORT: Final = 8080
ADMIN: Final = "127.0.0.1:9901"
"""Envoy's customary port, on the loopback: whoever reaches it can stop Envoy and read its configuration."""
NONE: Final = "none"
WORKERS_MAX: Final = 256
"""More than a machine has cores for; a typing error is not to become a configuration of a million lines."""


def add_parser(subparsers: Subparsers) -> None:
    """Add `envoy` and its options."""
    parser = subparsers.add_parser("envoy", help="print the Envoy configuration for a policy")
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="policy.yaml", help="the policy")
    parser.add_argument(
        "--profile",
        choices=get_args(Profile),
        default="buffered",
        help="who holds a request's body (default: %(default)s)",
    )
    parser.add_argument(
        "--endpoint",
        action="append",
        metavar="ADDRESS",
        help=f"where the processor listens, as in `extproc serve --listen`; may be repeated (default: {ENDPOINT})",
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="as in `extproc serve --workers` (default: %(default)s)"
    )
    parser.add_argument("--host", default=HOST, help=f"address for clients; 0.0.0.0 for all (default: {HOST})")
    parser.add_argument("--port", type=int, default=PORT, help=f"port for clients (default: {PORT})")
    parser.add_argument("--admin", default=ADMIN, metavar="HOST:PORT", help=f"{NONE} for none (default: {ADMIN})")
    parser.add_argument("--access-log", metavar="FILE", help="a JSON line an exchange; /dev/stdout for standard output")
    parser.add_argument(
        "--system-ca",
        default=SYSTEM_CA,
        metavar="PEM",
        help="authorities to trust, on Envoy's machine (default: %(default)s)",
    )
    parser.add_argument("--processor-ca", type=Path, metavar="PEM", help="makes Envoy speak TLS to the processor")
    parser.add_argument("--processor-name", metavar="NAME", help="name in the processor's certificate")
    parser.add_argument("--processor-cert", type=Path, metavar="PEM", help="Envoy's own certificate, for mTLS")
    parser.add_argument("--processor-key", type=Path, metavar="PEM", help="its key")


def run(args: argparse.Namespace) -> int:
    """Print the configuration."""
    prepared = prepare_or_exit(args.config)
    try:
        endpoints = _endpoints(args)
        whole = bootstrap(
            prepared.loaded.policy,
            needs=prepared.plan.needs,
            endpoints=endpoints,
            listen=SocketAddress(args.host, _port(args.port)),
            profile=args.profile,
            admin=_admin(args.admin),
            access_log=args.access_log,
            processor_tls=_tls(args),
            system_ca=args.system_ca,
        )
    except (ServeError, ValueError) as error:
        raise CommandError(str(error), USAGE) from None
    sys.stdout.write(render(whole, _comment(args)))
    return 0


def _endpoints(args: argparse.Namespace) -> list[str]:
    if not 1 <= args.workers <= WORKERS_MAX:
        raise ValueError(f"--workers is between 1 and {WORKERS_MAX}")
    given = [parse(text) for text in args.endpoint or [ENDPOINT]]
    return [str(address.sibling(index)) for address in given for index in range(args.workers)]


def _port(number: int) -> int:
    if not 0 <= number <= 65535:
        raise ValueError("--port is between 0 and 65535")
    return number


def _admin(text: str) -> SocketAddress | None:
    if text == NONE:
        return None
    address = parse(text)
    if not isinstance(address, Tcp):
        raise CommandError(f"--admin takes host:port or {NONE}", USAGE)
    return SocketAddress(address.host, address.port)


def _tls(args: argparse.Namespace) -> ProcessorTls | None:
    given = (args.processor_ca, args.processor_name, args.processor_cert, args.processor_key)
    if given == (None, None, None, None):
        return None
    if args.processor_ca is None or args.processor_name is None:
        raise ValueError("TLS to the processor needs --processor-ca and --processor-name")
    return ProcessorTls(args.processor_ca, args.processor_name, args.processor_cert, args.processor_key)


def _comment(args: argparse.Namespace) -> list[str]:
    listen = (args.endpoint or [ENDPOINT])[0]
    workers = f" --workers {args.workers}" if args.workers > 1 else ""
    address = parse(listen)
    if isinstance(address, Tcp) and not address.loopback:
        mutual = args.processor_cert is not None
        workers += " --tls-cert PEM --tls-key PEM --tls-client-ca PEM" if mutual else " --insecure-listen"
    config = shlex.quote(str(args.config))
    clients = SocketAddress("localhost" if args.host == HOST else args.host, args.port)
    return [
        f"Envoy 1.40 or later, profile {args.profile}: written by `extproc envoy` from {args.config.name}.",
        "It holds no credential: the processor puts those in. Write it anew when backends, steering, limits, the names",
        "of credential headers, what pipelines and rules read, or models' retries and numbers of targets change; all",
        "else of models is the processor's alone.",
        "",
        "Next:",
        f"  extproc serve -c {config} --listen {shlex.quote(listen)}{workers}",
        "  envoy -c THIS-FILE",
        f"  curl http://{clients}/v1/models",
        "",
        *_warnings(args),
    ]


def _warnings(args: argparse.Namespace) -> list[str]:
    if args.profile == "buffered":
        return ["Envoy holds each request's body until it is decided: memory is limits.request_body an open request."]
    return [
        "The processor holds each request's body until it is decided. Put no retry_policy on these routes: after",
        "request trailers, Envoy would send a streamed body twice.",
    ]
