"""RDS database instances."""

from autocloudops.actions.facts.reading import Place, Reads, belongs, tags_of
from autocloudops.actions.facts.targets.model import Described, Kind
from autocloudops.alarms.model import ResourceRef
from autocloudops.errors import TargetMissing

_INSTANCES = "rds:DescribeDBInstances"


async def _describe(reads: Reads, target: ResourceRef) -> Described:
    answer = await reads.ask(_INSTANCES, Place.of(target), target.id, DBInstanceIdentifier=target.id)
    found = next(iter(answer.get("DBInstances", ())), None)
    if found is None:
        raise TargetMissing(_INSTANCES, target.id, "there is no such database")
    belongs(found["DBInstanceArn"], target, _INSTANCES)
    return Described(
        tags=tags_of(found.get("TagList", ())),
        state={"DBInstanceStatus": str(found["DBInstanceStatus"])},
    )


DATABASE = Kind("rds:db-instance", (_INSTANCES,), _describe)
