"""People are told about each decision at least once: what they are to be told is kept with the decision."""

from datetime import timedelta
from logging import getLogger

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from autocloudops.clock import Clock
from autocloudops.errors import ServiceFailed
from autocloudops.incidents.model import Incident
from autocloudops.incidents.store import IncidentStore
from autocloudops.notify.sns import Notification, Notifier

log = getLogger(__name__)

TELL_ATTEMPTS = 5
TOLD_WITHIN = timedelta(seconds=30)


class Telling:
    """Tells people what the store keeps for them.

    Args:
        incidents: where notices are kept until people were told.
        notifier: tells people.
        clock: pauses between attempts.
    """

    def __init__(self, incidents: IncidentStore, notifier: Notifier, clock: Clock) -> None:
        self._incidents = incidents
        self._notifier = notifier
        self._clock = clock

    async def tell(self, decided: Incident, notification: Notification) -> str | None:
        """Tell people about a decision that stands, and return why nobody could be told, if so."""
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
        notice = await self._incidents.notice(decided.incident_id)
        if notice is None:
            return
        try:
            await self._notifier.tell(Notification.model_validate_json(notice))
        except ServiceFailed as error:
            log.warning("incident %s: nobody was told yet: %s", decided.incident_id, error)
            return
        await self._incidents.told(decided)
