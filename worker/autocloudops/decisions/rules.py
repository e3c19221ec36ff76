"""The parts of a policy: what it says of one action, of alarms, of tags and of approvals."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from autocloudops.catalogue import ACTIONS, Risk
from autocloudops.decisions.facts import AlarmFacts
from autocloudops.decisions.limits import Span
from autocloudops.decisions.modes import Mode
from autocloudops.values import Value

DENY_TAG = "autocloudops:deny"
ACCOUNT_PATTERN = r"^[0-9]{12}$"
TAG_PATTERN = r"^[^=]+(=.*)?$"
APPROVER_PATTERN = r"^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:[A-Za-z-]+/[^\s*]+$"
TOPIC_PATTERN = r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that names what `word` may have been meant to be; empty where nothing is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - only where somebody mistyped

    close = get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def catalogued(name: str) -> str:
    """Return the name of an action.

    Raises:
        ValueError: the catalogue has no such action.
    """
    if name not in ACTIONS:
        raise ValueError(f"{name} is not in the catalogue{did_you_mean(name, ACTIONS)}")
    return name


def higher(one: Risk, other: Risk) -> Risk:
    """Return the higher of two risks."""
    return max(one, other, key=list(Risk).index)


Account = Annotated[str, Field(pattern=ACCOUNT_PATTERN)]
ActionName = Annotated[str, AfterValidator(catalogued)]
Approver = Annotated[str, Field(pattern=APPROVER_PATTERN)]
Glob = Annotated[str, Field(min_length=1, max_length=512)]
Names = tuple[Annotated[str, Field(min_length=1, max_length=512)], ...]
Tag = Annotated[str, Field(min_length=1, max_length=385, pattern=TAG_PATTERN)]
Topic = Annotated[str, Field(pattern=TOPIC_PATTERN)]


class ActionRule(Value):
    """What the policy says of one action that it allows."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode = Field(default=Mode.ACTIVE, description="the highest mode of this action")
    risk: Risk | None = Field(default=None, description="a higher risk than the catalogue says; never a lower one")
    resource_types: tuple[str, ...] | None = Field(
        default=None, description="only targets of these types, as ecs:service; absent: every type that it can be for"
    )
    most: int | None = Field(default=None, ge=1, description="it scales nothing beyond this count")
    cooldown: Span | None = Field(default=None, description="instead of limits.cooldown")
    per_hour: int | None = Field(default=None, ge=0, description="instead of limits.runbook_per_hour")


class AlarmRule(Value):
    """The highest mode for a family of alarms: those whose name and metric both fit. Globs, case counts."""

    model_config = ConfigDict(extra="forbid")

    name: Glob | None = Field(default=None, description="a glob over alarm names, as batch-*")
    metric: Glob | None = Field(default=None, description="a glob over NAMESPACE/METRIC, as AWS/RDS/*")
    mode: Mode = Field(description="the highest mode for these alarms")

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        if self.name is None and self.metric is None:
            raise ValueError("a rule for alarms needs a name, a metric or both")
        return self

    def fits(self, alarm: AlarmFacts) -> bool:
        """Tell whether the rule is about `alarm`."""
        named = self.name is None or fnmatchcase(alarm.name, self.name)
        return named and (self.metric is None or any(fnmatchcase(metric, self.metric) for metric in alarm.metrics))

    @property
    def title(self) -> str:
        """What the rule is about, in words."""
        said = {"named": self.name, "of metric": self.metric}
        return " ".join(("alarms", *(f"{word} {glob}" for word, glob in said.items() if glob is not None)))


class TagRule(Value):
    """Which tags a target must have, and which it must not have."""

    model_config = ConfigDict(extra="forbid")

    required: Tag = Field(default="autocloudops:allow=true", description="KEY=VALUE, or KEY for any value")
    denied: Tag = Field(default=DENY_TAG, description=f"KEY or KEY=VALUE; beside {DENY_TAG}, which always denies")

    def refusal(self, tags: Mapping[str, str]) -> str | None:
        """Return why a target with these tags may not be touched, if so."""
        for tag in dict.fromkeys((DENY_TAG, self.denied)):
            if _has(tags, tag):
                return f"the target has the tag {tag}"
        return None if _has(tags, self.required) else f"the target has no tag {self.required}"


class ApprovalRule(Value):
    """Who approves, and for how long that is possible."""

    model_config = ConfigDict(extra="forbid")

    approvers: tuple[Approver, ...] = Field(default=(), max_length=10, description="ARNs of IAM users and roles")
    ttl: Span = Field(
        default=timedelta(minutes=30),
        ge=timedelta(minutes=1),
        le=timedelta(minutes=30),
        description="how long an action waits for its approval before it is dropped; no runbook waits longer than 30m",
    )
    topic: Topic | None = Field(default=None, description="the ARN of the SNS topic that approvers are told through")


def _has(tags: Mapping[str, str], tag: str) -> bool:
    key, valued, value = tag.partition("=")
    return key in tags and (not valued or tags[key] == value)
