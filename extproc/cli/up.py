"""`extproc up`: a real Envoy and the processor with one command, wired from a policy."""

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import Final
from urllib.request import urlopen

from extproc.cli import demonstration
from extproc.cli.common import FAILED, USAGE, CommandError, Subparsers, prepare_or_exit
from extproc.cli.serve import add_log_format
from extproc.gateway.authorities import system_ca
from extproc.gateway.bootstrap import PROCESSOR, SocketAddress, bootstrap
from extproc.gateway.process import EnvoyError, EnvoyProcess
from extproc.gateway.program import Program, ProgramError
from extproc.policy import Policy
from extproc.server.log import COLOURED
from extproc.server.transport import DEFAULT_TRANSPORT, TRANSPORTS
from extproc.transaction import Needs
from extproc.transaction.prepared import PreparedPolicy

PORT: Final = 8080
ACTIVE: Final = f"http.{PROCESSOR}.downstream_rq_active"
"""Envoy's count of requests that are not over."""
LOOK_EVERY: Final = 0.5
"""Seconds between looks at whether Envoy and the processor still run."""
STATUS_WITHIN: Final = 2.0
"""Seconds for the processor to say what it waits for."""


def add_parser(subparsers: Subparsers) -> None:
    """Add `up` and its options."""
    parser = subparsers.add_parser(
        "up",
        help="start a real Envoy and the processor, wired from a policy",
        description="Without -c: a demonstration policy, with stand-in providers.",
    )
    parser.add_argument("-c", "--config", type=Path, metavar="policy.yaml", help="the policy")
    parser.add_argument("--host", default="127.0.0.1", help="where Envoy listens (default: %(default)s)")
    parser.add_argument("--port", type=int, default=PORT, help="Envoy's port; 0: a free one (default: %(default)s)")
    parser.add_argument(
        "--profile",
        choices=["buffered", "full-duplex"],
        default="buffered",
        help="how bodies are sent (default: %(default)s)",
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes of the processor (default: 1)")
    parser.add_argument(
        "--transport",
        choices=sorted(TRANSPORTS),
        default=DEFAULT_TRANSPORT,
        help="how gRPC is spoken (default: %(default)s)",
    )
    parser.add_argument(
        "--admin",
        default="127.0.0.1:0",
        metavar="HOST:PORT",
        help="the processor's admin port; 0: a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--envoy-concurrency", type=int, default=2, metavar="N", help="worker threads of Envoy (default: 2)"
    )
    add_log_format(parser)
    parser.add_argument("--show", action="store_true", help="send the demonstration's requests (only without -c)")
    parser.add_argument("--once", action="store_true", help="as --show, and exit after it")


def run(args: argparse.Namespace) -> int:
    """Run until Ctrl-C or SIGTERM; the policy is reloaded when it changes, and at SIGHUP."""
    if args.config is not None and (args.show or args.once):
        raise CommandError("--show and --once send the demonstration's requests: leave -c out", USAGE)
    if args.log_format == "console":
        if args.show or args.once:
            raise CommandError("--show and --once read the log as JSON: leave --log-format out", USAGE)
        if sys.stdout.isatty():
            os.environ.setdefault(COLOURED, "1")  # the processor writes to us, and we to the terminal
    stop = StopRequest()
    before = {number: signal.signal(number, stop.handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        return _up(args, stop)
    except ProgramError as error:
        raise CommandError(str(error)) from None
    except EnvoyError as error:
        raise CommandError(f"Envoy: {error}") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StopRequest:
    """The state of a requested stop: the first signal asks to begin nothing more, the second to end everything now."""

    def __init__(self) -> None:
        self.wanted = threading.Event()
        self.now = threading.Event()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Takes a signal."""
        del number, frame
        (self.now if self.wanted.is_set() else self.wanted).set()


def _up(args: argparse.Namespace, stop: StopRequest) -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="extproc-")))
        path = args.config or _demonstration(folder, stack)
        prepared = prepare_or_exit(path, os.environ)
        policy, needs = prepared.loaded.policy, prepared.plan.needs
        log = folder / "exchanges.jsonl"
        processor = stack.enter_context(_processor(args, path, folder, log))
        endpoints, _, admin = processor.said.partition("; admin at ")
        envoy = stack.enter_context(_envoy(args, policy, needs, endpoints.split()))
        _say(_introduction(args, policy, envoy, admin, log))
        if args.show or args.once:
            demonstration.show(envoy.port("extproc"), log, _say)
        if args.once:
            return 0
        _say(f"\nCtrl-C ends it; {path} is read again when it changes, and at SIGHUP.")
        _forward_reload(processor)
        envoy = _watch(stop, processor, KeptEnvoy(args, path, endpoints.split(), admin, envoy, stack))
        _drain(stop, envoy, policy.limits.drain_timeout)
        return 0


def _demonstration(folder: Path, stack: ExitStack) -> Path:
    ports: dict[str, str] = {}
    for name in demonstration.PROVIDERS:
        arguments = ["--name", name]
        provider = stack.enter_context(Program("extproc.testing.provider", arguments, ready="listens on"))
        ports[name] = provider.said.rpartition(":")[2].strip("/")
    os.environ.setdefault(demonstration.KEY_VARIABLE, demonstration.KEY)
    path = folder / "policy.yaml"
    path.write_text(demonstration.POLICY.format(**ports, broken="9"), encoding="utf-8")
    return path


def _processor(args: argparse.Namespace, policy: Path, folder: Path, log: Path) -> Program:
    arguments = [
        *("serve", "-c", str(policy), "--listen", f"unix:{folder / 'extproc.sock'}", "--workers", str(args.workers)),
        *("--transport", args.transport, "--admin", args.admin, "--log-format", args.log_format),
        *("--log", "-" if args.log_format == "console" else str(log)),
    ]
    return Program("extproc", arguments, ready="ready at", tell=_pass_on)


def _envoy(
    args: argparse.Namespace, policy: Policy, needs: Needs, endpoints: list[str], port: int | None = None
) -> EnvoyProcess:
    config = bootstrap(
        policy,
        needs=needs,
        endpoints=endpoints,
        listen=SocketAddress(args.host, args.port if port is None else port),
        profile=args.profile,
        system_ca=system_ca(),
    )
    return EnvoyProcess(config, concurrency=args.envoy_concurrency, log_level="warning")


def _introduction(args: argparse.Namespace, policy: Policy, envoy: EnvoyProcess, admin: str, log: Path) -> str:
    gateway = f"http://{args.host}:{envoy.port('extproc')}"
    lines = [
        f"Envoy      {gateway}  (profile {args.profile}; its admin http://{envoy.admin})",
        f"processor  {args.workers} worker(s), transport {args.transport}; {admin}/status, {admin}/metrics",
        f"log        {'below' if args.log_format == 'console' else log}",
        f"models     {', '.join(model.name for model in policy.models) or 'none'}",
    ]
    if policy.models:
        lines.append(f"\ntry        {_example(gateway, policy)}")
    return "\n".join(lines)


def _example(gateway: str, policy: Policy) -> str:
    model = policy.models[0]
    anthropic = policy.backend(model.targets[0].backend).api == "anthropic"
    path, more = ("/v1/messages", ', "max_tokens": 64') if anthropic else ("/v1/chat/completions", "")
    body = f'{{"model": "{model.name}"{more}, "messages": [{{"role": "user", "content": "Hello"}}]}}'
    return f"curl -i {gateway}{path} -H 'content-type: application/json' -d '{body}'"


class KeptEnvoy:
    """The Envoy of `up`, which is started again when a new policy needs another configuration of it."""

    def __init__(
        self,
        args: argparse.Namespace,
        policy: Path,
        endpoints: list[str],
        admin: str,
        envoy: EnvoyProcess,
        stack: ExitStack,
    ) -> None:
        self.envoy = envoy
        self._args = args
        self._policy = policy
        self._endpoints = endpoints
        self._admin = admin
        self._stack = stack
        self._tried: str | None = None

    def renew(self) -> None:
        """Start Envoy again, if the processor has refused a policy for want of another configuration."""
        awaited = _awaited(self._admin)
        if awaited is None or awaited == self._tried:
            self._tried = awaited
            return
        self._tried = awaited
        prepared = prepared_or_none(self._policy)
        if prepared is None or prepared.plan.fingerprint.decode() != awaited:
            return  # it has changed again: the processor will say what it needs now
        _say("Envoy is started again, for the new policy; connections end, and a few seconds go by without it")
        port = self.envoy.port("extproc")
        self.envoy.stop()
        policy, needs = prepared.loaded.policy, prepared.plan.needs
        self.envoy = self._stack.enter_context(_envoy(self._args, policy, needs, self._endpoints, port))
        _say("Envoy is up again")


def prepared_or_none(path: Path) -> PreparedPolicy | None:
    """Return the policy in a file and its plan; None if it is wrong now."""
    try:
        return prepare_or_exit(path, os.environ)
    except SystemExit:
        return None


def _awaited(admin: str) -> str | None:
    """Return the fingerprint of the Envoy that the processor waits for."""
    try:
        with urlopen(f"{admin}/status", timeout=STATUS_WITHIN) as response:  # noqa: S310  - the processor's own port
            found = json.load(response)["policy"]["awaits_envoy"]
    except (OSError, ValueError, KeyError):
        return None  # it is busy, or there is no admin port
    return found if isinstance(found, str) else None


def _forward_reload(processor: Program) -> None:
    def reload(number: int, frame: FrameType | None) -> None:
        del frame
        processor.signal(number)

    signal.signal(signal.SIGHUP, reload)


def _watch(stop: StopRequest, processor: Program, kept: KeptEnvoy) -> EnvoyProcess:
    """Wait for a stop, and keep Envoy configured for the policy; return the Envoy that runs."""
    while not stop.wanted.wait(LOOK_EVERY):
        if not processor.alive:
            raise CommandError(f"the processor ended:\n{processor.tail}", FAILED)
        if not kept.envoy.alive:
            raise CommandError(f"Envoy ended:\n{kept.envoy.log_tail()}", FAILED)
        kept.renew()
    return kept.envoy


def _drain(stop: StopRequest, envoy: EnvoyProcess, timeout: float) -> None:
    """Lets what is open in Envoy come to its end. Envoy itself exits on SIGTERM without a look at it."""
    end = time.monotonic() + timeout
    with suppress(EnvoyError):  # it has ended by itself
        envoy.ask("/healthcheck/fail", "POST")  # connections close after their response
        envoy.ask("/drain_listeners", "POST")
        told = False
        while (left := end - time.monotonic()) > 0 and (open_now := envoy.stats(ACTIVE).get(ACTIVE, 0)):
            if not told:
                _say(f"\nwaiting for {open_now} open request(s), at most {timeout:.0f} s; Ctrl-C ends them")
                told = True
            if stop.now.wait(min(LOOK_EVERY, left)):
                return


def _pass_on(line: str) -> None:
    sys.stderr.write(line)


def _say(text: str) -> None:
    print(text, flush=True)
