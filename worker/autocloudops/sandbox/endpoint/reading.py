"""What a model can read in a prompt: the offered actions and the evidence, and nothing else."""

import re
from collections.abc import Iterable
from html import unescape

from autocloudops.sandbox.endpoint.wire import Message
from autocloudops.values import Value

OFFERED = re.compile(r"<offered_actions>\n(.*?)</offered_actions>", re.DOTALL)
EVIDENCE = re.compile(r'<evidence id="([^"]+)" kind="([^"]+)"([^>]*)>\n(.*?)</evidence>', re.DOTALL)
MISSING = 'missing="true"'
FIELD = re.compile(r"^([\w .-]{1,60}?):\s+(.*)$", re.MULTILINE)


class Offer(Value):
    """An action that the prompt allows: its name, its risk and what it does."""

    name: str
    risk: str
    summary: str


class Exhibit(Value):
    """One block of evidence that could be read: its id, kind and text, and the `key: value` lines in it, in order."""

    id: str
    kind: str
    text: str
    fields: tuple[tuple[str, str], ...]

    def values(self, *keys: str) -> list[str]:
        """Return the values of the lines with one of `keys`, in order."""
        return [value for key, value in self.fields if key in keys]


class Reading(Value):
    """All that a prompt shows."""

    offers: tuple[Offer, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()


def read(messages: Iterable[Message]) -> Reading:
    """Return what the user messages show; blocks that are not there are read as empty."""
    text = "\n".join(message.content for message in messages if message.role == "user")
    offered = OFFERED.search(text)
    offers = [_offer(line) for line in offered.group(1).splitlines() if line.strip()] if offered else []
    exhibits = [_exhibit(name, kind, body) for name, kind, rest, body in EVIDENCE.findall(text) if MISSING not in rest]
    return Reading(offers=tuple(offers), exhibits=tuple(exhibits))


def _offer(line: str) -> Offer:
    name, risk, summary = [part.strip() for part in (*line.split("|", 2), "", "")[:3]]
    return Offer(name=name, risk=risk, summary=summary)


def _exhibit(name: str, kind: str, body: str) -> Exhibit:
    text = unescape(body)
    fields = tuple((key.strip().lower(), value.strip()) for key, value in FIELD.findall(text))
    return Exhibit(id=name, kind=kind, text=text, fields=fields)
