"""A chat completion that comes in pieces: server-sent events over chunks that are cut at any byte.

Source: WHATWG HTML, server-sent events; OpenAI API, chat completion chunks. Both adapters feed it: SageMaker's payload
parts hold the model server's bytes without regard to its events.
"""

from collections.abc import Iterator

from pydantic import ValidationError

from autocloudops.diagnosis.endpoint import Completion
from autocloudops.errors import ModelBrokeOff
from autocloudops.inference.body import COMPLETION_LIMIT_BYTES, Usage, named_in
from autocloudops.inference.faults import Symptom, judged, server_message
from autocloudops.values import Value

DONE = b"[DONE]"
SERVER_ERROR = 500


class _Delta(Value):
    content: str | None = None


class _Choice(Value):
    index: int = 0
    delta: _Delta = _Delta()
    finish_reason: str | None = None


class _ServerError(Value):
    code: int | str | None = None


class _Chunk(Value):
    choices: tuple[_Choice, ...] = ()
    usage: Usage | None = None
    model: str | None = None
    id: str | None = None
    error: _ServerError | str | None = None


class ServerSentEvents:
    """Cuts bytes into the data of events; it decodes nothing, so that no character is cut in two."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the data of each event that `chunk` completes."""
        self._line += chunk
        if b"\n" not in chunk:
            return
        *lines, rest = self._line.split(b"\n")
        self._line = rest
        for line in lines:
            yield from self._read(bytes(line).removesuffix(b"\r"))

    def _read(self, line: bytes) -> Iterator[bytes]:
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
        if not line and self._data:
            data, self._data = self._data, []
            yield b"\n".join(data)


class StreamedReply:
    """Gathers a reply that comes in pieces.

    Args:
        url: the endpoint, for errors.
        model: the name of the model that was asked, for a reply without one.
    """

    def __init__(self, url: str, model: str) -> None:
        self._url = url
        self._model = model
        self._events = ServerSentEvents()
        self._bytes = 0
        self._pieces: list[str] = []
        self._finish_reason: str | None = None
        self._request_id = ""
        self._usage = Usage()
        self.done = False

    @property
    def whole(self) -> bool:
        """Whether the model came to its end; what follows is its count of tokens."""
        return self._finish_reason is not None

    def feed(self, chunk: bytes) -> None:
        """Add what came.

        Raises:
            ModelBrokeOff: it is no chat completion chunk, or too much.
            ModelError: the server reports a failure inside the stream.
        """
        self._bytes += len(chunk)
        if self._bytes > COMPLETION_LIMIT_BYTES:
            raise ModelBrokeOff(self._url, f"the answer is over {COMPLETION_LIMIT_BYTES} bytes", "lower max_tokens")
        for data in self._events.feed(chunk):
            self._take(data)

    def completion(self) -> Completion:
        """Return the answer.

        Raises:
            ModelBrokeOff: the stream ended before the model did; nothing of its text is kept.
        """
        for data in self._events.feed(b"\n\n"):
            self._take(data)
        if not self.whole:
            raise ModelBrokeOff(self._url, f"the answer broke off after {self._bytes} bytes")
        return Completion(
            content="".join(self._pieces) or None,
            finish_reason=named_in(self._finish_reason),
            model=self._model,
            prompt_tokens=self._usage.prompt_tokens or 0,
            completion_tokens=self._usage.completion_tokens or 0,
            latency_seconds=0.0,
            request_id=self._request_id,
            endpoint=self._url,
        )

    def _take(self, data: bytes) -> None:
        if self.done or data.strip() == DONE:
            self.done = True
            return
        try:
            chunk = _Chunk.model_validate_json(data)
        except ValidationError as error:
            if self.whole:
                return
            raise ModelBrokeOff(self._url, "the answer is no stream of chat completion chunks") from error
        if chunk.error is not None and not self.whole:
            raise judged(self._url, Symptom(server_message(data.decode()), status=_status(chunk.error)))
        self._add(chunk)

    def _add(self, chunk: _Chunk) -> None:
        self._model = named_in(chunk.model) or self._model
        self._request_id = named_in(chunk.id) or self._request_id
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices:
            if choice.index == 0:
                self._pieces.append(choice.delta.content or "")
                self._finish_reason = choice.finish_reason or self._finish_reason


def _status(error: _ServerError | str) -> int:
    code = error.code if isinstance(error, _ServerError) else None
    return code if isinstance(code, int) else SERVER_ERROR
