"""People are told about each decision at least once, and what it asks for is begun: both are kept with the decision."""

from collections.abc import Sequence
from datetime import timedelta
from logging import getLogger
from uuid import UUID

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from autocloudops.clock import Clock
from autocloudops.decisions.claims import Claim
from autocloudops.errors import ServiceFailed
from autocloudops.incidents.model import Incident
from autocloudops.incidents.store import IncidentStore
from autocloudops.notify.action import with_action
from autocloudops.notify.sns import Notification, Notifier
from autocloudops.pipeline.acting import Acting
from autocloudops.values import Value

log = getLogger(__name__)

TELL_ATTEMPTS = 5
TOLD_WITHIN = timedelta(seconds=30)


class Notice(Value):
    """What follows from a decision: what people are to be told, and what is to be done, if anything.

    `earlier` are the notices of the decisions before it that people may not have been told of, the oldest first. They
    are no more than the questions that an incident may ask again, which is few enough for one item.
    """

    notification: Notification
    wanted: Claim | None = None
    earlier: tuple["Notice", ...] = ()

    def after(self, kept: str | None) -> "Notice":
        """Return it with what is still kept of earlier decisions: it takes the place of that, and may not lose it."""
        if kept is None:
            return self
        before = Notice.model_validate_json(kept)
        return self.model_copy(update={"earlier": (*before.earlier, before.model_copy(update={"earlier": ()}))})


class Telling:
    """Begins what decisions ask for, and tells people what the store keeps for them.

    Args:
        incidents: where notices are kept until people were told.
        notifier: tells people.
        clock: pauses between attempts.
        acting: begins what is to be done; None where nothing ever is.
    """

    def __init__(
        self, incidents: IncidentStore, notifier: Notifier, clock: Clock, acting: Acting | None = None
    ) -> None:
        self._incidents = incidents
        self._notifier = notifier
        self._clock = clock
        self._acting = acting

    async def tell(self, incident_id: UUID, kept: str) -> str | None:
        """Do what follows from decisions that stand, and return why nobody could be told of them all, if so.

        Args:
            incident_id: the incident that was decided.
            kept: the notice that the store keeps for it.
        """
        notifications = await self._acted(kept)
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(ServiceFailed),
            wait=wait_random_exponential(multiplier=1, max=10),
            stop=stop_after_attempt(TELL_ATTEMPTS),
            sleep=self._clock.sleep,
            reraise=True,
        )
        try:
            for notification in notifications:
                await retrying(self._notifier.tell, notification)
        except ServiceFailed as error:
            return str(error)
        await self._incidents.told(incident_id, kept)
        return None

    async def tell_left(self, decided: Incident) -> None:
        """Tell people what somebody decided and then did not live to tell them; a notice that nobody hears stays."""
        at = decided.decided_at
        if at is None or self._clock.now() - at < TOLD_WITHIN:
            return
        kept = await self._incidents.notice(decided.incident_id)
        if kept is None:
            return
        try:
            for notification in await self._acted(kept):
                await self._notifier.tell(notification)
        except ServiceFailed as error:
            log.warning("incident %s: nobody was told yet: %s", decided.incident_id, error)
            return
        await self._incidents.told(decided.incident_id, kept)

    async def _acted(self, kept: str) -> Sequence[Notification]:
        """Begin all that is to be done, and return what people are told then, both for the oldest decision first."""
        notice = Notice.model_validate_json(kept)
        return [await self._begun(each) for each in (*notice.earlier, notice)]

    async def _begun(self, notice: Notice) -> Notification:
        """Begin what one decision asks for; what was begun before is not begun again."""
        if notice.wanted is None or self._acting is None:
            return notice.notification
        return with_action(notice.notification, await self._acting.begin(notice.wanted))
