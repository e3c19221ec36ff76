"""How an ending is made true."""

from autocloudops.queue.acknowledger import Acknowledger
from autocloudops.queue.client import QueueClient
from autocloudops.queue.endings import Done, Ending, Later, Park, patient
from autocloudops.queue.leases import Lease, Leases


class Finisher:
    """Ends leases: deleted, parked, or visible again after a while.

    Args:
        queue: whose dead-letter queue takes what is parked.
        leases: what is held.
        deletes: what is answered for.
        releases: what is to come back.
    """

    def __init__(self, queue: QueueClient, leases: Leases, deletes: Acknowledger, releases: Acknowledger) -> None:
        self._queue = queue
        self._leases = leases
        self._deletes = deletes
        self._releases = releases

    async def end(self, lease: Lease, ending: Ending) -> None:
        """Make an ending true.

        Raises:
            ServiceFailed: the dead-letter queue did not take the message; it must come back.
        """
        match ending:
            case Done():
                self._deletes.add(lease)
            case Later(after_seconds=seconds):
                self._release(lease, seconds)
            case Park(code=code, reason=reason):
                await self._queue.park(lease.delivery, code, reason)
                self._deletes.add(lease)

    def hand_back(self, lease: Lease) -> None:
        """Make a message visible at once."""
        self._release(lease, 0)

    def postpone_patiently(self, lease: Lease) -> None:
        """Let a message come back later each time."""
        self._release(lease, patient(lease.delivery).after_seconds)

    def _release(self, lease: Lease, seconds: int) -> None:
        """Release a message, unless others may have it by now: its receipt could take it from them."""
        if self._leases.expired(lease):
            self._leases.drop(lease)
        else:
            self._releases.add(lease, seconds)
