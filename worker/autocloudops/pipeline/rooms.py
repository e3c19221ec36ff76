"""What the pipeline joins: the rooms, and the ports to those that are wired above it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from autocloudops.alarms.model import Alarm, AwsEvent
from autocloudops.audit.writer import AuditWriter
from autocloudops.clock import Clock
from autocloudops.incidents.circumstances import Circumstances
from autocloudops.incidents.model import Incident, Windows
from autocloudops.incidents.past import PastIncident
from autocloudops.incidents.store import IncidentStore
from autocloudops.notify.sns import Notifier
from autocloudops.pipeline.acting import Acting

if TYPE_CHECKING:
    from autocloudops.investigation import Case


class PastStore(Protocol):
    """Where decided incidents are remembered for later ones."""

    async def keep(self, past: PastIncident, previous: UUID | None = None) -> None:
        """Remember an incident, and the one before it of the same owner as over; raises `ServiceFailed`."""
        ...


@dataclass(frozen=True, slots=True)
class Rooms:
    """The adapters that the pipeline joins, and what they share.

    `events` hear of every AWS event in the queue, before it is audited; `past` remembers what was decided; `acting`
    does what was decided, None where nothing is ever done.
    """

    incidents: IncidentStore
    audit: AuditWriter
    notifier: Notifier
    clock: Clock
    windows: Windows = field(default_factory=Windows)
    events: Sequence[Callable[[AwsEvent], Awaitable[object]]] = ()
    past: PastStore | None = None
    acting: Acting | None = None


class Investigates(Protocol):
    """Decides about incidents: `Investigator`, or what opens one when it is first asked."""

    @property
    def patience(self) -> timedelta:
        """How long after an incident's opener attempts to get an answer may start."""
        ...

    async def investigate(
        self,
        incident: Incident,
        alarms: Sequence[Alarm],
        known: Circumstances | None = None,
        due_at: datetime | None = None,
        ends_at: datetime | None = None,
    ) -> "Case":
        """Return the decision about `alarms`, with everything that led to it; see `Investigator`."""
        ...
