"""Which dialect a server obeys: found by asking, since servers ignore in silence what they do not know.

A NIM 2.x takes `guided_json` without a word and generates freely, so that no version and no status tells.
"""

import asyncio
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from logging import getLogger
from typing import Protocol

from autocloudops.diagnosis.endpoint import Completion, CompletionRequest, Dialect, Message
from autocloudops.errors import ContextTooLong, EndpointMisconfigured, ModelRefused

log = getLogger(__name__)

ORDER = (Dialect.JSON_SCHEMA, Dialect.STRUCTURED_OUTPUTS, Dialect.NVEXT)
FIELDS = {
    Dialect.JSON_SCHEMA: re.compile(r"response_?format|json_schema", re.IGNORECASE),
    Dialect.STRUCTURED_OUTPUTS: re.compile(r"structured_outputs", re.IGNORECASE),
    Dialect.NVEXT: re.compile(r"nvext|guided_json", re.IGNORECASE),
}
UNKNOWN = re.compile(
    r"extra|unknown|unrecogni[sz]ed|unexpected|not permitted|not supported|unsupported|not allowed|"
    r"input should be|invalid value|must be",
    re.IGNORECASE,
)
ABOUT_THE_SCHEMA = re.compile(r"invalid schema|schema for|(?<!unexpected )keyword|feature", re.IGNORECASE)
PROBE_TOKENS = 64
WORD_BYTES = 4
# A store that does not answer costs a question this long, once to read and once to keep.
STORE_SECONDS = 2.0

Ask = Callable[[CompletionRequest, Dialect], Awaitable[Completion]]


class DialectStore(Protocol):
    """Keeps what was found out, so that an endpoint is asked once for each model. Neither method raises."""

    async def get(self, endpoint: str, model: str) -> Dialect | None:
        """Return the dialect, or None where nobody has found it out or it cannot be read."""
        ...

    async def put(self, endpoint: str, model: str, dialect: Dialect) -> None:
        """Keep the dialect."""
        ...


class MemoryDialects:
    """A `DialectStore` that lasts as long as the process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Dialect] = {}

    async def get(self, endpoint: str, model: str) -> Dialect | None:
        """Return the dialect, or None."""
        return self._kept.get((endpoint, model))

    async def put(self, endpoint: str, model: str, dialect: Dialect) -> None:
        """Keep the dialect."""
        self._kept[endpoint, model] = dialect


class DialectFinder:
    """Knows, or finds out, the dialect of one model at one endpoint; all who wait share one search.

    Args:
        endpoint: the endpoint's URL.
        model: the served model's name.
        store: where findings are kept.
        ask: sends one request in a dialect.
        known: the dialect, where the operator says it.
    """

    def __init__(self, endpoint: str, model: str, store: DialectStore, ask: Ask, known: Dialect | None) -> None:
        self._endpoint = endpoint
        self._model = model
        self._store = store
        self._ask = ask
        self._known = known
        self._search: asyncio.Task[Completion | None] | None = None

    async def current(self) -> Dialect:
        """Return the dialect to speak; at most three small requests find it out, once.

        Raises:
            ModelError: the endpoint gave no answer to the small requests.
        """
        if self._known is None:
            self._known = await self._stored()
        if self._known is None:
            await self._searched(ORDER)
        return self._known or Dialect.NONE

    async def refused(self, dialect: Dialect) -> None:
        """Take note that the server knows `dialect` not, or no longer: another one that it obeys takes its place."""
        if self._known is dialect:
            await self._searched(tuple(each for each in ORDER if each is not dialect))

    async def probe(self) -> tuple[Dialect, Completion | None]:
        """Ask the server now, whatever is known; also return its last answer, if it took any dialect."""
        answer = await self._searched(ORDER)
        return await self.current(), answer

    async def aclose(self) -> None:
        """End a search that is under way."""
        if self._search:
            self._search.cancel()
            await asyncio.gather(self._search, return_exceptions=True)

    async def _stored(self) -> Dialect | None:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                return await self._store.get(self._endpoint, self._model)
        except TimeoutError:
            log.warning("the dialect of %s is found out anew: where it is kept does not answer", self._endpoint)
            return None

    async def _keep(self, found: Dialect) -> None:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._store.put(self._endpoint, self._model, found)
        except TimeoutError:
            log.warning("the dialect of %s is not kept: where it is kept does not answer", self._endpoint)

    async def _searched(self, order: tuple[Dialect, ...]) -> Completion | None:
        if self._search is None:
            self._search = asyncio.create_task(self._find(order))
            self._search.add_done_callback(self._ended)
        return await asyncio.shield(self._search)

    def _ended(self, search: "asyncio.Task[Completion | None]") -> None:
        self._search = None
        if not search.cancelled():
            # Asking for it keeps asyncio from reporting a failure for which nobody waits any more.
            search.exception()

    async def _find(self, order: tuple[Dialect, ...]) -> Completion | None:
        found, answer, refusal = Dialect.NONE, None, None
        for dialect in order:
            try:
                word = secrets.token_hex(WORD_BYTES)
                answer = await self._ask(_question(word), dialect)
            except (ContextTooLong, EndpointMisconfigured):
                raise
            except ModelRefused as error:
                refusal = None if names_format(error, dialect) else error
                continue
            if _obeyed(answer, word):
                found = dialect
                break
        if answer is None and refusal is not None:
            raise refusal
        self._known = found
        await self._keep(found)
        return answer


def names_format(refusal: ModelRefused, dialect: Dialect) -> bool:
    """Say whether the server refused because it does not know how it was told the schema."""
    field, said = FIELDS.get(dialect), refusal.message
    if field is None or ABOUT_THE_SCHEMA.search(said):
        return False
    return bool(field.search(said) and UNKNOWN.search(said))


def _question(word: str) -> CompletionRequest:
    """Return a question to which only a grammar makes a model answer `word`: the prompt does not mention it."""
    schema = {
        "type": "object",
        "properties": {"word": {"type": "string", "enum": [word]}},
        "required": ["word"],
        "additionalProperties": False,
    }
    return CompletionRequest(
        messages=(
            Message(role="system", content="detailed thinking off"),
            Message(role="user", content="Reply with one word of your choice as JSON."),
        ),
        json_schema=schema,
        max_tokens=PROBE_TOKENS,
        correlation_id="dialect-probe",
        prompt_tokens=PROBE_TOKENS,
    )


def _obeyed(answer: Completion, word: str) -> bool:
    try:
        said = (answer.content or "").rpartition("</think>")[2]
        return bool(json.loads(said) == {"word": word})
    except (ValueError, RecursionError):
        return False
