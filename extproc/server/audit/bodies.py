"""The file of the bodies that one worker captures, beside that of its lines."""

import secrets

from extproc.protocol.trail import CapturedBody
from extproc.server.audit.files import CAPTURE_MODE, AuditFile, bodies_of
from extproc.telemetry.audit.bodies import BodyCipher, kept, request_line
from extproc.telemetry.audit.lines import CapturedIn
from extproc.transaction.auditing.settings import AuditSettings


class BodyFile:
    """Keeps bodies, sealed if the policy names a key. Rotated as the file of lines is. Raises OSError."""

    def __init__(self, settings: AuditSettings, worker: int) -> None:
        section = settings.section
        assert section.file is not None, "the policy says that bodies stand beside a file"
        key = settings.secrets.get("encrypt")
        self._rotate = section.rotate
        self._cipher = None if key is None else BodyCipher.read(key)
        self._file = AuditFile(bodies_of(section.file, worker), CAPTURE_MODE)

    def keep(self, request_id: str, body: CapturedBody, at: float) -> CapturedIn:
        """Keep the body of a request, unless it is too large or no text; return what its line says of that."""
        line = request_line(body) if body.data else None
        if line is None:
            return CapturedIn(body.size)
        digest, sealed = kept(line, request_id, self._cipher, secrets.token_bytes)
        self._file.write((sealed,))
        if self._file.size >= self._rotate.size:
            self._file.rename(at, self._rotate.keep)
            self._file.reopen()
        return CapturedIn(body.size, digest)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
