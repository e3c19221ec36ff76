"""What is known about an incident besides its alarms: is it wanted, is it right, is it alone?"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmKind
from autocloudops.alarms.robots import settler_of
from autocloudops.incidents.flapping import Flapping
from autocloudops.incidents.hygiene.finding import Finding
from autocloudops.incidents.model import Incident
from autocloudops.incidents.silence import Silence
from autocloudops.values import Value

STORM_RESOURCES = 25
SWITCHED_OFF = "ActionsDisabled"


class Circumstances(Value):
    """What is known about an incident besides its alarms.

    `suppressed` says why it is not to be asked about, `suppressed_until` how long that holds for whoever joins; `tied`
    is the older incident that answers for it, `storm` counts resources that alarm at once.
    """

    suppressed: str | None = None
    suppressed_until: datetime | None = None
    tied: UUID | None = None
    flapping: Flapping | None = None
    findings: tuple[Finding, ...] = ()
    storm: int = 0

    @property
    def vetoes(self) -> tuple[str, ...]:
        """The findings that prove an alarm wrong, as sentences."""
        return tuple(finding.statement for finding in self.findings if finding.veto)

    @property
    def stormy(self) -> bool:
        """Whether so many resources alarm at once that a shared cause is likely."""
        return self.storm >= STORM_RESOURCES


def circumstances(
    incident: Incident,
    alarms: Sequence[Alarm],
    *,
    flapping: Flapping | None,
    silences: Sequence[Silence],
    storm: int,
    now: datetime,
) -> Circumstances:
    """Return what is known about an incident besides its alarms.

    Args:
        incident: the incident.
        alarms: its members.
        flapping: how its token's alarm behaved in the last hour.
        silences: silences that hold now.
        storm: distinct resources that alarm at once in its account and region.
        now: the wall time.
    """
    from autocloudops.incidents.hygiene.rules import findings  # noqa: PLC0415 - a fortieth of a cold start

    silence = _silence(incident, alarms, [each for each in silences if each.until > now])
    found = {finding.code: finding for alarm in alarms for finding in findings(alarm)}
    suppressed = _suppressed(alarms, flapping, silence)
    return Circumstances(
        suppressed=suppressed,
        suppressed_until=(silence.until if silence else now) if suppressed else None,
        flapping=flapping,
        findings=tuple(found.values()),
        storm=storm,
    )


def _silence(incident: Incident, alarms: Sequence[Alarm], silences: Sequence[Silence]) -> Silence | None:
    """Return the first silence to end, where all owners are silenced that have alarms here besides composite ones."""
    owners = {alarm.resource.owner_key for alarm in alarms if alarm.kind is not AlarmKind.COMPOSITE}
    owners = owners or {incident.owner_key}
    holding = [each for each in silences if each.owner_key in owners]
    silenced = {each.owner_key for each in holding} >= owners
    return min(holding, key=lambda each: each.until) if silenced else None


def _suppressed(alarms: Sequence[Alarm], flapping: Flapping | None, silence: Silence | None) -> str | None:
    if silence:
        return f"silenced by {silence.by} until {silence.until:%H:%M:%SZ}: {silence.reason}"
    muted = [alarm.suppression for alarm in alarms if alarm.suppression and alarm.suppression.by != SWITCHED_OFF]
    if muted and len(muted) == len(alarms):
        return f"CloudWatch suppresses it by {muted[0].by}: {muted[0].reason}".rstrip(": ")
    robots = [robot for alarm in alarms if (robot := settler_of(alarm))]
    if robots and len(robots) == len(alarms):
        return f"{robots[0]} acts on it by itself"
    if flapping and flapping.rests and len({alarm.key for alarm in alarms}) == 1:
        return f"flapping: turned {flapping.turns} times within an hour, and was asked about in that hour"
    return None
