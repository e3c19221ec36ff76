"""EC2 instances."""

from autocloudops.actions.facts.reading import Place, Reads, belongs, tags_of
from autocloudops.actions.facts.targets.model import Described, Kind
from autocloudops.alarms.model import ResourceRef
from autocloudops.errors import TargetMissing

_INSTANCES = "ec2:DescribeInstances"
_GONE = frozenset({"shutting-down", "terminated"})


async def _describe(reads: Reads, target: ResourceRef) -> Described:
    answer = await reads.ask(_INSTANCES, Place.of(target), target.id, InstanceIds=[target.id])
    both = ((group, each) for group in answer.get("Reservations", ()) for each in group.get("Instances", ()))
    reservation, found = next(both, (None, None))
    if reservation is None or found is None:
        raise TargetMissing(_INSTANCES, target.id, "there is no such instance")
    # An instance has no ARN in the answer; the region is that of the endpoint.
    belongs(f"arn::ec2:{target.region}:{reservation['OwnerId']}:", target, _INSTANCES)
    state = str(found["State"]["Name"])
    if state in _GONE:
        raise TargetMissing(_INSTANCES, target.id, f"the instance is {state}")
    return Described(tags=tags_of(found.get("Tags", ())), state={"State": state})


INSTANCE = Kind("ec2:instance", (_INSTANCES,), _describe)
