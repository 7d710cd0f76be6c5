"""`python -m extproc.testing.provider`: the stand-in provider as a program; SIGTERM or Ctrl-C ends it at once."""

import argparse
import asyncio
import signal
import sys

from extproc.testing.provider.orders import HEADER, KNOWN, OrderError
from extproc.testing.provider.server import Provider


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal; 2 when it cannot."""
    options = _parser().parse_args(arguments)
    models = tuple(options.models.split(","))
    try:
        provider = Provider(options.name, host=options.host, port=options.port, do=options.do, models=models)
        asyncio.run(_serve(provider))
    except (OSError, OrderError) as error:
        sys.stderr.write(f"provider {options.name}: {error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m extproc.testing.provider",
        description="A stand-in for an LLM provider. GET /healthz says ok; GET /_records shows what it was sent.",
        epilog=f"Orders, here, in the header {HEADER} or in the model's name (model@orders): {KNOWN}",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one, printed)")
    parser.add_argument("--name", default="provider", help="the name its answers show (default: %(default)s)")
    parser.add_argument("--do", default="", help="orders for every request")
    parser.add_argument("--models", default="stand-in", help="what /models lists, with commas (default: %(default)s)")
    return parser


async def _serve(provider: Provider) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with provider:
        sys.stdout.write(f"{provider.name} listens on {provider.url}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
