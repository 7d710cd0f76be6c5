"""Credentials: how a backend's is sent and where it is read from. The policy never holds one itself."""

from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Discriminator, Tag, model_validator

from extproc.policy.base import Value, Written, refusal
from extproc.policy.names import HeaderName
from extproc.policy.paths import FilePath

_SOURCES: Final = "write {file: /run/secrets/name} or {env: NAME}"
REDACTED: Final = "[redacted]"
"""The text that replaces a backend's credential in a response. Neither JSON nor a query gives it another meaning."""

_FORMS: Final = "write {bearer: {file: PATH}}, {bearer: {env: NAME}}, {header: x-api-key, file: PATH} or client"


def _variable(name: str) -> str:
    if not name.isidentifier() or not name.isascii():
        raise refusal("this is not the name of an environment variable", "write its name, such as OPENAI_API_KEY")
    return name


Variable = Annotated[str, AfterValidator(_variable), Written("variable name", "OPENAI_API_KEY")]


class Source(Value):
    """The source of a credential: a file or an environment variable, one of the two."""

    file: FilePath | None = None
    """Path of a file that holds the credential and nothing else; a relative path starts at the policy file's folder."""
    env: Variable | None = None
    """Name of an environment variable of the processor that holds the credential."""

    @model_validator(mode="before")
    @classmethod
    def _not_inline(cls, value: Any) -> Any:
        if not isinstance(value, dict | Source):
            raise refusal("a credential is never written into the policy", _SOURCES)
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.file is None) == (self.env is None):
            raise refusal("a credential comes from one place, a file or an environment variable", _SOURCES)
        return self


class Bearer(Value):
    """A credential sent as `authorization: Bearer ...`."""

    bearer: Source
    """The source of the token."""

    @model_validator(mode="before")
    @classmethod
    def _says_how(cls, value: Any) -> Any:
        if isinstance(value, dict) and "bearer" not in value:
            raise refusal("a credential says how it is sent", _FORMS)
        return value

    @property
    def source(self) -> Source:
        """Return where the credential is read from."""
        return self.bearer

    @property
    def field(self) -> str:
        """The header field it goes into."""
        return "authorization"

    @property
    def scheme(self) -> str:
        """Return what stands before the credential in the field's value."""
        return "Bearer "


class Header(Source):
    """A credential sent as the whole value of a header field, such as `x-api-key`."""

    header: HeaderName
    """The header field it goes into."""

    @property
    def source(self) -> Source:
        """Return where the credential is read from."""
        return self

    @property
    def field(self) -> str:
        """The header field it goes into."""
        return self.header

    @property
    def scheme(self) -> str:
        """Return what stands before the credential in the field's value: nothing."""
        return ""


def _kind(value: Any) -> str:
    """Which of the forms of a credential is meant, so that errors speak of that one alone."""
    if isinstance(value, Header) or (isinstance(value, dict) and "header" in value):
        return "(header)"
    return "(bearer)" if isinstance(value, Bearer | dict) else "(word)"


def _client(word: Any) -> Any:
    if word != "client":
        raise refusal("a credential is never written into the policy", _FORMS)
    return word


Client: TypeAlias = Annotated[Literal["client"], BeforeValidator(_client)]
"""The client's own credential goes on to the backend as it came."""

Credential: TypeAlias = Annotated[
    Annotated[Bearer, Tag("(bearer)")] | Annotated[Header, Tag("(header)")] | Annotated[Client, Tag("(word)")],
    Discriminator(_kind),
]
"""The form in which a backend's credential is sent, and the source that it is read from."""
