"""What an action cannot run without: a runbook that is there, is active, and takes what it will be given."""

from uuid import UUID

from autocloudops.actions.facts.reading import Answer, Place, Reads
from autocloudops.actions.runbook import RunbookSetup
from autocloudops.catalogue.model import ActionRequest
from autocloudops.clock import Clock
from autocloudops.errors import TargetMissing

DOCUMENT = "ssm:DescribeDocument"
KEPT_SECONDS = 300.0


class Preflight:
    """Looks at runbooks, and remembers those that are well for five minutes.

    Args:
        reads: makes the calls.
        setup: what every runbook is started with.
        clock: time.
    """

    def __init__(self, reads: Reads, setup: RunbookSetup, clock: Clock) -> None:
        self._reads = reads
        self._setup = setup
        self._clock = clock
        self._well: dict[tuple[str, Place, frozenset[str]], float] = {}

    async def missing(self, request: ActionRequest) -> tuple[str, ...]:
        """Return what a request cannot run without and that is not there, each in words with what to do.

        Raises:
            ServiceFailed: it could not be found out.
        """
        given = frozenset(self._setup.parameters(request, UUID(int=0), approval=True))
        key = (request.runbook, Place.of(request.target), given)
        if self._clock.monotonic() < self._well.get(key, 0.0):
            return ()
        lacks = await self._document(request, given)
        if not self._setup.role:
            lacks = (*lacks, "the role that runbooks run as: name it in the settings")
        if not lacks:
            self._well[key] = self._clock.monotonic() + KEPT_SECONDS
        return lacks

    async def _document(self, request: ActionRequest, given: frozenset[str]) -> tuple[str, ...]:
        name, place = request.runbook, Place.of(request.target)
        where = f"runbook {name} in {place.account}/{place.region}"
        try:
            answer = await self._reads.ask(DOCUMENT, place, where, Name=name)
        except TargetMissing:
            return (f"{where}: create it there",)
        return _lacks(answer["Document"], where, given)


def _lacks(document: Answer, where: str, given: frozenset[str]) -> tuple[str, ...]:
    status, kind = document.get("Status"), document.get("DocumentType")
    if kind != "Automation":
        return (f"{where}: what has this name is no Automation document but {kind}",)
    if status != "Active":
        return (f"{where}: it is {status}, not Active",)
    untaken = given.difference(each["Name"] for each in document.get("Parameters", ()))
    if untaken:
        return (f"{where}: it takes no {', '.join(sorted(untaken))}, so it is of another version: update it",)
    return ()
