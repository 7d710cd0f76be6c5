"""The registry of APIs: the one place that knows which there are.

Everybody else finds an API here, by its name, by a path, or by the shape of an event.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Final, TypeAlias

from extproc.apis.anthropic_count_tokens import COUNT_TOKENS
from extproc.apis.anthropic_messages import MESSAGES
from extproc.apis.api import MODEL, Api, ApiEvents, ApiRequestPath
from extproc.apis.asked import NOTHING_ASKED, Asked, AskedPart, asked, no_output
from extproc.apis.cohere import COHERE
from extproc.apis.events.leaves import TooComplexError, document
from extproc.apis.families import OPENAI, ApiFamily
from extproc.apis.gemini import GEMINI
from extproc.apis.mcp import MCP
from extproc.apis.openai_assistants import THREADS
from extproc.apis.openai_chat import CHAT
from extproc.apis.openai_completions import COMPLETIONS
from extproc.apis.openai_embeddings import EMBEDDINGS
from extproc.apis.openai_responses import RESPONSES
from extproc.apis.paths import normalise
from extproc.apis.token_streams import TOKENS

BUILT_IN: Final[tuple[Api, ...]] = (
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    RESPONSES,
    MESSAGES,
    COUNT_TOKENS,
    GEMINI,
    THREADS,
    COHERE,
    TOKENS,
    MCP,
)


Shaped: TypeAlias = tuple[str, ApiEvents]
"""The name of an API, and how its events are read."""


class RegistrationError(Exception):
    """Raised when an API cannot be registered; the message says why, and names no more than the API."""


class Registry:
    """APIs, found by name, path or event. Immutable; the paths of different APIs differ.

    `shaped`: the APIs whose events are told by their shape. `standalone`: those of messages that stand by themselves.
    `default`: the family of a client that shows none.
    """

    __slots__ = ("_by_name", "_by_path", "_patterned", "_roots", "apis", "default", "families", "shaped", "standalone")

    def __init__(self, apis: tuple[Api, ...]) -> None:
        self.apis = apis
        self.default: ApiFamily = OPENAI
        self._by_name: Mapping[str, Api] = {api.name: api for api in apis}
        plain = {path.lower(): ApiRequestPath(api, path) for api in apis for path in api.paths if MODEL not in path}
        self._by_path: Mapping[str, ApiRequestPath] = plain
        self._patterned = tuple(api for api in apis if any(MODEL in path for path in api.paths))
        events = [(api.name, api.events) for api in apis if api.events is not None]
        self.shaped: tuple[Shaped, ...] = tuple(each for each in events if not each[1].standalone)
        self.standalone: tuple[Shaped, ...] = tuple(each for each in events if each[1].standalone)
        self.families: Mapping[str, ApiFamily] = {api.family.name: api.family for api in apis}
        self._roots = tuple(dict.fromkeys(api.root for api in apis if api.paths))
        _check(apis)

    def named(self, name: str) -> Api | None:
        """Return the API of that name."""
        return self._by_name.get(name)

    def asked(self, body: bytes, parts: AbstractSet[AskedPart], claimed: ApiRequestPath | None) -> Asked | None:
        """Return these parts of a request, None if it cannot be read; see `asked.asked`.

        A request on a path that nobody claims is read as one of the first API that knows its form and has no paths.
        """
        try:
            _, value = document(body)
        except TooComplexError:
            return None
        if claimed is not None:
            return asked(value, parts, claimed.api.asked, claimed.api.role_of)
        for api in self.apis:
            if not api.paths and api.asked is not no_output:
                found = asked(value, parts, api.asked, api.role_of)
                if found is not NOTHING_ASKED:
                    return found
        return NOTHING_ASKED

    def claim(self, path: str) -> ApiRequestPath | None:
        """Return the claim of a normalised path, whose case does not count; a path without a model comes first."""
        found = self._by_path.get(path) or self._by_path.get(path.lower())
        if found is not None:
            return found
        return next(filter(None, (api.claim(path) for api in self._patterned)), None)

    def claim_below(self, path: str, prefixes: Sequence[str]) -> ApiRequestPath | None:
        """Return the claim of a path in which one of these prefixes stands in the place of an API's root.

        `prefixes` are in lower case and do not end in a slash.
        """
        small = path.lower()
        for prefix in prefixes:
            if not small.startswith(prefix + "/"):
                continue
            # A few letters grow when they become small: there, the model's own spelling cannot be told.
            tail = path[len(prefix) :] if path[: len(prefix)].lower() == prefix else small[len(prefix) :]
            for root in self._roots:
                found = self.claim(root + tail)
                if found is not None and found.api.root == root:
                    return found
        return self.claim(path)

    def standing_alone(self, value: object) -> ApiEvents | None:
        """Return how to read an event that is a message of its own, or an array of such messages."""
        values = value if isinstance(value, list) else [value]
        for _, events in self.standalone:
            if values and all(isinstance(each, dict) and events.known(each) for each in values):
                return events
        return None

    def family_of(self, headers: Container[str]) -> ApiFamily | None:
        """Return the family whose clients alone send one of these header fields."""
        for family in self.families.values():
            if any(name in headers for name in family.headers):
                return family
        return None

    def __repr__(self) -> str:
        return f"Registry({', '.join(self._by_name)})"


def _check(apis: Sequence[Api]) -> None:
    """Refuse APIs that could not be told apart, or paths that no request can have. Raises RegistrationError."""
    if len({api.name for api in apis}) < len(apis):
        raise RegistrationError("two APIs have the same name")
    if len({api.family.name for api in apis}) < len({api.family for api in apis}):
        raise RegistrationError("two families have the same name")
    paths = [path.lower() for api in apis for path in api.paths]
    if len(set(paths)) < len(paths):
        raise RegistrationError("two APIs have the same path")
    for api in apis:
        if api.root.endswith("/"):
            raise RegistrationError(f"the root of {api.name} must not end in a slash")
        for path in api.paths:
            if path.count(MODEL) > 1:
                raise RegistrationError(f"a path of {api.name} has {MODEL} more than once")
            if not path.startswith("/"):
                raise RegistrationError(f"a path of {api.name} does not begin with a slash")
            plain = path.replace(MODEL, "model")
            if normalise(plain.encode()) != plain:
                raise RegistrationError(f"a path of {api.name} is not in the spelling of extproc.apis.normalise")


_current = Registry(BUILT_IN)


def current() -> Registry:
    """Return the registry of this process.

    A compiled policy and an open stream keep the registry that they began with.
    """
    return _current


def register(api: Api) -> None:
    """Add an API, for the policies that are compiled and the streams that begin from now on.

    For plug-ins, which are loaded before the first policy is compiled, in each process. Nothing that a client sends
    leads here, or changes what was registered.

    Raises:
        RegistrationError: the API's name, one of its paths or the name of its family is taken, or it can claim nothing.
    """
    global _current
    _current = Registry((*_current.apis, api))


@contextmanager
def registered(*apis: Api) -> Iterator[Registry]:
    """Register APIs for the length of a `with` block, as tests of a plug-in do."""
    global _current
    before = _current
    try:
        for api in apis:
            register(api)
        yield _current
    finally:
        _current = before
