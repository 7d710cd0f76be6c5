"""The plug-ins of `tests.seams.acme`: each is added by one registration."""

from typing import Final

from tests.seams.acme.badge import BADGE
from tests.seams.acme.echo import ECHO
from tests.seams.acme.guard import GUARD, RemoteGuard
from tests.seams.acme.notice import NOTICE
from tests.seams.acme.play import PLAY
from tests.seams.acme.shouting import SHOUTING, TAKES, Shouting
from tests.seams.acme.tier import TIER

__all__ = ["BADGE", "ECHO", "EVERY", "GUARD", "SHOUTING", "TAKES", "TOYS", "RemoteGuard", "Shouting"]

TOYS: Final = (BADGE, SHOUTING, GUARD, ECHO)
"""The detectors."""

EVERY: Final = (*TOYS, TIER, PLAY, NOTICE)
