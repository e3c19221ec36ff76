"""The guard alarms of the policy, as verification asks for them."""

from collections.abc import Sequence

from autocloudops.actions.facts.reading import Place, Reads
from autocloudops.actions.facts.surroundings import firing_guards
from autocloudops.catalogue.model import ActionRequest
from autocloudops.decisions.facts import Unknown
from autocloudops.errors import AutoCloudOpsError


class PolicyGuards:
    """Reads the guard alarms beside a target.

    Args:
        reads: makes the calls.
        names: of the guard alarms, or ARNs of them.
    """

    def __init__(self, reads: Reads, names: Sequence[str]) -> None:
        self._reads = reads
        self._names = names

    async def firing(self, request: ActionRequest) -> Sequence[str] | Unknown:
        """Return the guard alarms of a request that are in ALARM, or why nobody knows. It never raises."""
        if not self._names:
            return ()
        try:
            return await firing_guards(self._reads, self._names, Place.of(request.target))
        except AutoCloudOpsError as error:
            return Unknown(unknown=str(error))
