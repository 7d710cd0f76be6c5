"""Errors by whose they are."""


class ProtocolViolation(Exception):  # noqa: N818  - named for what it says, as in h11
    """Envoy, or whoever speaks in its place, sent what may not follow. The text is fixed and holds no user data."""


class ClientError(Exception):
    """The client's mistake, answered in its own dialect.

    `status` is the HTTP status, `code` a short word for programs, `message` a sentence for people that quotes nothing
    of the body, `param` the field of the body that is wrong, if one is. `retry_after`: seconds until it may be tried
    again, where that is known. `fields`: more header fields of the response.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        param: str | None = None,
        *,
        retry_after: int | None = None,
        fields: tuple[tuple[str, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.fields = fields


class ServeError(Exception):
    """One or more things for the operator to mend; `problems` are sentences that hold no secret and no user's text."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
