"""People are told about each decision at least once, and what it asks for is begun: both are kept with the decision."""

from datetime import timedelta
from logging import getLogger

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
    """What follows from a decision: what people are to be told, and what is to be done, if anything."""

    notification: Notification
    wanted: Claim | None = None


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

    async def tell(self, decided: Incident, notice: Notice) -> str | None:
        """Do what follows from a decision that stands, and return why nobody could be told of it, if so."""
        notification = await self._acted(notice)
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(ServiceFailed),
            wait=wait_random_exponential(multiplier=1, max=10),
            stop=stop_after_attempt(TELL_ATTEMPTS),
            sleep=self._clock.sleep,
            reraise=True,
        )
        try:
            await retrying(self._notifier.tell, notification)
        except ServiceFailed as error:
            return str(error)
        await self._incidents.told(decided)
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
            await self._notifier.tell(await self._acted(Notice.model_validate_json(kept)))
        except ServiceFailed as error:
            log.warning("incident %s: nobody was told yet: %s", decided.incident_id, error)
            return
        await self._incidents.told(decided)

    async def _acted(self, notice: Notice) -> Notification:
        """Begin what is to be done, and return what people are told then; what was begun before is not begun again."""
        if notice.wanted is None or self._acting is None:
            return notice.notification
        return with_action(notice.notification, await self._acting.begin(notice.wanted))
