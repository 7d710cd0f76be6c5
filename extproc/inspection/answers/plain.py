"""Words and identifiers of an API, which nearly always say nothing to anybody."""

from collections.abc import Sequence

from extproc.inspection.answers.ruling import Ruling
from extproc.inspection.vault import Vault
from extproc.protocol.meter import SpentError


class Plain:
    """Tells whether nobody has an interest in any of some words: no processor, and no value that comes back.

    A whole body has such words among its texts; looking at each of them again with every event would cost as much as
    the texts themselves.
    """

    __slots__ = ("_ruling", "_vault")

    def __init__(self, ruling: Ruling, vault: Vault | None) -> None:
        self._ruling = ruling
        self._vault = vault

    def __call__(self, words: Sequence[str]) -> bool:
        """True if nobody has an interest in any of them. A scanner that fails has: it will fail again, and be heard."""
        if self._vault is not None and self._vault.restores and any("[" in word for word in words):
            return False
        scanner = self._ruling.scanner
        try:
            return scanner is None or scanner.quiet(words, self._ruling.meter)
        except SpentError:
            raise
        except Exception:  # noqa: BLE001  - whatever it is, `on_failure` says what becomes of the response
            return False
