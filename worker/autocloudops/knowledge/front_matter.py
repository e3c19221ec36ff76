"""A runbook as a team writes it: Markdown under a YAML front matter that says when it applies.

    ---
    title: The connection pool is exhausted
    match: {owner: "rds-db-instance/orders-*", metric: DatabaseConnections}
    expires: 2027-06-30
    ---
    ## First look
    ...

`match` has globs, or lists of them; every field that is given must fit, and case counts. The front matter is YAML 1.1
as PyYAML's safe loader reads it.
"""

import re
from datetime import date
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Annotated

import yaml
from pydantic import ConfigDict, Field, ValidationError, field_validator

from autocloudops.alarms.model import Alarm
from autocloudops.errors import InputUnreadable
from autocloudops.redaction import clean
from autocloudops.values import Value

DOCUMENT_CHARACTERS = 65_536
HEADER_CHARACTERS = 4_096
SECTION_CHARACTERS = 2_000
MOST_SECTIONS = 40
TITLE_CHARACTERS = 160
FENCE = "---"
ABSENT, GLOB, EXACT = 0, 1, 2
_WILD = re.compile(r"[*?\[]")
_HEADING = re.compile(r"#{1,6}[ \t]{1,8}(?P<heading>\S.*)")
_CODE = ("```", "~~~")

Globs = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=256)], ...], Field(max_length=20)]


class Asked(Value):
    """What of an alarm a runbook is matched with. `metrics` are pairs of namespace and name."""

    alarm: str
    owner: str
    resource_type: str
    account: str
    region: str
    metrics: tuple[tuple[str, str], ...] = ()


class Match(Value):
    """When a runbook applies. A field that is not given fits everything; a runbook without any fits nothing."""

    model_config = ConfigDict(extra="forbid")

    alarm: Globs = ()
    owner: Globs = ()
    metric: Globs = ()
    resource_type: Globs = ()
    namespace: Globs = ()
    region: Globs = ()
    account: Globs = ()

    @field_validator("*", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    def rank(self, asked: Asked) -> tuple[int, ...] | None:
        """Return how specific this match is, larger first, or None where it does not fit.

        The fields count in their order here, an exact value before a glob before none; then the length of what the
        globs spell out.
        """
        pairs = (
            (self.alarm, (asked.alarm,)),
            (self.owner, (asked.owner,)),
            (self.metric, self._names(asked)),
            (self.resource_type, (asked.resource_type,)),
            (self.namespace, tuple(namespace for namespace, _ in asked.metrics)),
            (self.region, (asked.region,)),
            (self.account, (asked.account,)),
        )
        best = [_best(globs, values) for globs, values in pairs]
        fitting = [each for each in best if each]
        if len(fitting) < len(best) or not any(strength for strength, _ in fitting):
            return None
        return (*(strength for strength, _ in fitting), sum(length for _, length in fitting))

    def named_in(self, words: tuple[str, ...]) -> bool:
        """Return whether every field that is given fits one of `words`, and one of them at least says something."""
        best = [_best(globs, words) for name in self.fields() if (globs := getattr(self, name))]
        return all(best) and any(strength for strength, _ in filter(None, best))

    def fields(self) -> tuple[str, ...]:
        """Return the names of the fields that are given, in their order."""
        return tuple(name for name in type(self).model_fields if getattr(self, name))

    def _names(self, asked: Asked) -> tuple[str, ...]:
        """Return the names of the metrics whose namespace fits: both must hold of one metric."""
        return tuple(
            name
            for namespace, name in asked.metrics
            if not self.namespace or any(fnmatchcase(namespace, glob) for glob in self.namespace)
        )


class Section(Value):
    """What stands under one heading, cleaned and bounded. `digest` changes with anything that is embedded of it."""

    heading: str
    text: str
    digest: str


class Runbook(Value):
    """One file of the library: its path there, what its front matter says, and its sections."""

    name: str
    title: str
    match: Match
    expires: date | None
    sections: tuple[Section, ...]

    def current(self, today: date) -> bool:
        """Return whether it still holds on `today`; the day of its expiry is its last."""
        return self.expires is None or today <= self.expires


class _Header(Value):
    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=TITLE_CHARACTERS)]
    match: Match = Match()
    expires: date | None = None


def asked_of(alarm: Alarm) -> Asked:
    """Return what runbooks are matched with, for `alarm`."""
    metrics = [alarm.metric] if alarm.metric else [query.metric for query in alarm.queries if query.metric]
    return Asked(
        alarm=alarm.key.name,
        owner=alarm.resource.owner,
        resource_type=alarm.resource.type,
        account=alarm.key.account,
        region=alarm.key.region,
        metrics=tuple((metric.namespace, metric.name) for metric in metrics),
    )


def parse_runbook(name: str, text: str) -> Runbook:
    """Return the runbook in a file.

    Args:
        name: the file's path in the library.
        text: what it holds.

    Raises:
        InputUnreadable: it has no front matter, or a wrong one; the message names the file and the line.
    """
    if len(text) > DOCUMENT_CHARACTERS:
        raise _wrong(name, 1, f"it has {len(text):,} characters, and may have {DOCUMENT_CHARACTERS:,}")
    lines = text.removeprefix("\ufeff").splitlines()
    end = _header_end(name, lines)
    header = _header(name, "\n".join(lines[1:end]))
    title = clean(" ".join(header.title.split()), TITLE_CHARACTERS)
    sections = _sections(title, lines[end + 1 :])
    if not sections:
        raise _wrong(name, end + 1, "nothing stands below the front matter")
    return Runbook(name=name, title=title, match=header.match, expires=header.expires, sections=sections)


def digest_of(*parts: str) -> str:
    """Return a digest of what is embedded."""
    return sha256("\x1f".join(parts).encode()).hexdigest()


def _best(globs: tuple[str, ...], values: tuple[str, ...]) -> tuple[int, int] | None:
    """Return the strength of the best glob that fits a value, and how much it spells out; None where none fits."""
    if not globs:
        return ABSENT, 0
    fits = [_strength(glob) for glob in globs if any(fnmatchcase(value, glob) for value in values)]
    return max(fits, default=None)


def _strength(glob: str) -> tuple[int, int]:
    if not glob.strip("*"):
        return ABSENT, 0
    return (GLOB if _WILD.search(glob) else EXACT), len(_WILD.sub("", glob))


def _header_end(name: str, lines: list[str]) -> int:
    if not lines or lines[0].rstrip() != FENCE:
        raise _wrong(name, 1, f"it does not begin with the line {FENCE}")
    end = next((at for at, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE), None)
    if end is None:
        raise _wrong(name, len(lines), f"its front matter has no end: no second line {FENCE}")
    if sum(map(len, lines[:end])) > HEADER_CHARACTERS:
        raise _wrong(name, 1, f"its front matter is longer than {HEADER_CHARACTERS:,} characters")
    return end


def _header(name: str, written: str) -> _Header:
    node: yaml.Node | None = None
    try:
        node = yaml.compose(written, Loader=yaml.SafeLoader)
        return _Header.model_validate(yaml.safe_load(written))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _wrong(name, (mark.line if mark else 0) + 2, f"no YAML: {error.problem or error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        said = f"{where}: {first['msg'].lower()}" if where else "it is no mapping"
        raise _wrong(name, _line_of(node, first["loc"]) + 2, said) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _wrong(name, 2, "its front matter is no YAML that can be read") from error


def _line_of(node: yaml.Node | None, path: tuple[int | str, ...]) -> int:
    """Return the line, counted from 0, of the last part of `path` that is there."""
    line = 0
    for step in path:
        if not isinstance(node, yaml.MappingNode):
            break
        found = next(((key, value) for key, value in node.value if key.value == step), None)
        if found is None:
            break
        line, node = found[0].start_mark.line, found[1]
    return line


def _sections(title: str, lines: list[str]) -> tuple[Section, ...]:
    heading, kept = "", list[str]()
    found: list[tuple[str, str]] = []
    in_code = False
    for line in lines:
        in_code ^= line.lstrip().startswith(_CODE)
        match = None if in_code else _HEADING.fullmatch(line.rstrip())
        if match:
            found.append((heading, "\n".join(kept)))
            heading, kept = match["heading"].rstrip("# "), []
        else:
            kept.append(line)
    found.append((heading, "\n".join(kept)))
    return tuple(_section(title, said, text) for said, text in found if text.strip())[:MOST_SECTIONS]


def _section(title: str, heading: str, text: str) -> Section:
    shown = clean(" ".join(heading.split()), TITLE_CHARACTERS)
    cleaned = clean(text.strip(), SECTION_CHARACTERS)
    return Section(heading=shown, text=cleaned, digest=digest_of(title, shown, cleaned))


def _wrong(name: str, line: int, said: str) -> InputUnreadable:
    return InputUnreadable(f"{name}:{line}: {said}", "see docs/knowledge.md for what a runbook looks like")
