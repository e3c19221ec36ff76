"""The port behind which incidents are kept."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmKey
from autocloudops.incidents.model import History, Incident, Placement
from autocloudops.incidents.silence import Silence


class IncidentStore(Protocol):
    """Incidents and the state changes in them, moved by conditional writes only.

    Every method raises `ServiceFailed` where the store cannot be reached.
    """

    @property
    def counts_within(self) -> timedelta:
        """How long after its record a change may be missing in the counters of an incident that many join."""
        ...

    async def history(self, key: AlarmKey, since: datetime) -> History:
        """Return the newest recorded changes of `key`, and every one from `since` on."""
        ...

    async def current(self, owner_key: str) -> Incident | None:
        """Return the newest incident of an owner, or the one that it was tied to."""
        ...

    async def tie(self, owner_key: str, left: UUID | None, to: UUID, now: datetime) -> bool:
        """Let further alarms of an owner join another owner's incident.

        Args:
            owner_key: the owner.
            left: its newest incident so far, if there is one.
            to: the incident that a composite alarm ties it to.
            now: the wall time.

        Returns:
            Whether `left` still was its newest incident.
        """
        ...

    async def record(self, alarm: Alarm, placement: Placement, seen: History, now: datetime) -> bool:
        """Make `placement` true and count it. False: somebody else was faster; read again and place again.

        Args:
            alarm: the state change.
            placement: what it is to the incidents that exist.
            seen: the history of its key that `placement` follows from; a newer one may make another placement right.
            now: the wall time.
        """
        ...

    async def incident(self, incident_id: UUID) -> Incident | None:
        """Return one incident as it stands now."""
        ...

    async def unfinished(self) -> Sequence[Incident]:
        """Return incidents that are not decided, or decided and not yet finished, for whoever sweeps up."""
        ...

    async def finish(self, decided: Incident) -> None:
        """Forget a decided incident as unfinished, unless people are still to be told or it was opened again."""
        ...

    async def claim(self, incident_id: UUID, asker: str, lease: timedelta, now: datetime) -> Incident | None:
        """Become the only one who asks; None while somebody else does, while it is deferred, or once it is decided."""
        ...

    async def renew(self, asked: Incident, lease: timedelta, now: datetime) -> bool:
        """Hold the lease of a question for longer. False: the attempt that `asked` carries is no longer current."""
        ...

    async def release(self, asked: Incident, until: datetime) -> None:
        """Hold the lease of a question until then only, so that whoever comes next need not wait for it to lapse."""
        ...

    async def defer(self, asked: Incident, retry_at: datetime) -> bool:
        """Give a question back until `retry_at`. From then on the incident itself stands for it, and not a message.

        False: the attempt that `asked` carries is no longer current.
        """
        ...

    async def members(self, incident: Incident) -> Sequence[Alarm]:
        """Return the first and last alarms of an incident, by time, with its token and one of each kind among them."""
        ...

    async def settle(
        self, asked: Incident, decision_id: UUID, record_sha256: str, now: datetime, notice: str | None = None
    ) -> bool:
        """Make a decision the effective one, with the `suppressed_until` and `asked_families` that `asked` carries.

        False: the attempt that `asked` carries is no longer current.

        Args:
            asked: the incident as it was claimed.
            decision_id: the decision.
            record_sha256: digest of its audit record.
            now: the wall time.
            notice: what people are to be told, kept until `told` in the place of what was kept before; None where there
                is nothing to tell.
        """
        ...

    async def notice(self, incident_id: UUID) -> str | None:
        """Return what people were not told yet about the decisions of an incident."""
        ...

    async def told(self, incident_id: UUID, notice: str) -> None:
        """Forget a notice, unless that of another decision has taken its place."""
        ...

    async def ask_again(self, decided: Incident, now: datetime) -> bool:
        """Open a decided incident for its next revision without a new alarm. False: it has changed meanwhile."""
        ...

    async def storm(self, account: str, region: str, now: datetime) -> int:
        """Return how many distinct resources alarmed in an account and region in this minute and the one before."""
        ...

    async def silence(self, silence: Silence) -> None:
        """Keep a silence until it expires; one for the same owner is replaced."""
        ...

    async def silences(self, now: datetime) -> Sequence[Silence]:
        """Return the silences that have not expired."""
        ...

    async def lift(self, owner_key: str) -> bool:
        """End the silence of an owner early. False: there was none."""
        ...
