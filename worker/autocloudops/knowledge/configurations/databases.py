"""RDS and Aurora, and what shares their API: DocumentDB and Neptune."""

from collections.abc import Iterable

from autocloudops.knowledge.configurations.connections import connections, default_formula, memory_bytes
from autocloudops.knowledge.configurations.reading import Answer, Described, Describer, Limit, Reading
from autocloudops.knowledge.configurations.words import GIB, counted, named, size, tagged, tags_of, term
from autocloudops.knowledge.wording import number

_INSTANCES = "rds:DescribeDBInstances"
_CLUSTERS = "rds:DescribeDBClusters"
_PARAMETERS = "rds:DescribeDBParameters"
_AURORA = "aurora"
_CONNECTIONS = "max_connections"
_ESTIMATE = "by the default formula from {memory}: an upper estimate, the system's own share is not known"


async def _instance(reading: Reading) -> Described:
    answer = await reading.ask(_INSTANCES, DBInstanceIdentifier=reading.resource.id)
    found = reading.only(answer.get("DBInstances", []), _INSTANCES)
    memory = memory_bytes(str(found.get("DBInstanceClass")))
    limits = _storage(found)
    if memory:
        limits["FreeableMemory"] = Limit("memory", memory, f"{size(memory)} of its class")
    limit, line = await _connections(reading, found, memory)
    if limit:
        limits["DatabaseConnections"] = limit
    tags = tags_of(found.get("TagList", ()))
    return Described(
        lines=(line, *_instance_lines(found), tagged(tags)), limits=limits, tags=tags, unread=tuple(reading.unread)
    )


async def _connections(reading: Reading, found: Answer, memory: float | None) -> tuple[Limit | None, str]:
    """Return the limit on connections, else why it is not known."""
    group = next((str(each.get("DBParameterGroupName")) for each in found.get("DBParameterGroups", ())), "")
    own = await _own_setting(reading, group) if group and not group.startswith("default.") else None
    if reading.unread:
        return None, ""
    formula = own or default_formula(str(found.get("Engine")))
    value = connections(formula, memory) if formula else None
    if value is None:
        said = f", its parameter group sets it to {named(own)}" if own else ""
        return None, f"limit {_CONNECTIONS}: not known for this engine and class{said}"
    if own and own.isdigit():
        return Limit(_CONNECTIONS, value, f"set in parameter group {named(group)}"), ""
    return Limit(_CONNECTIONS, value, _ESTIMATE.format(memory=size(memory or 0))), ""


async def _own_setting(reading: Reading, group: str) -> str | None:
    """Return what a team's own parameter group sets for connections; a second page of settings is not read."""
    answer = await reading.also(_PARAMETERS, DBParameterGroupName=group, Source="user", MaxRecords=100)
    values = {each.get("ParameterName"): each.get("ParameterValue") for each in answer.get("Parameters", ())}
    value = values.get(_CONNECTIONS)
    return str(value) if value else None


def _storage(found: Answer) -> dict[str, Limit]:
    """Return what bounds storage; Aurora's grows by itself."""
    if str(found.get("Engine")).startswith(_AURORA):
        return {}
    limits = {}
    if allocated := found.get("AllocatedStorage"):
        limits["FreeStorageSpace"] = Limit("storage", allocated * GIB, f"{size(allocated * GIB)} allocated")
    if iops := found.get("Iops"):
        limits["ReadIOPS"] = limits["WriteIOPS"] = Limit("IOPS", iops, "reads and writes together")
    return limits


def _instance_lines(found: Answer) -> Iterable[str]:
    yield f"class: {term(found.get('DBInstanceClass'))}, status {term(found.get('DBInstanceStatus'))}"
    yield f"engine: {term(found.get('Engine'))} {term(found.get('EngineVersion'))}"
    yield f"multi-AZ: {'yes' if found.get('MultiAZ') else 'no'}, zone {term(found.get('AvailabilityZone'))}"
    yield _storage_line(found)
    groups = [
        f"{named(each.get('DBParameterGroupName'))} ({term(each.get('ParameterApplyStatus'))})"
        for each in found.get("DBParameterGroups", ())
    ]
    yield f"parameter group: {', '.join(groups)}" if groups else ""
    pending = sorted(found.get("PendingModifiedValues") or ())
    yield f"changes waiting to be applied: {', '.join(map(term, pending))}" if pending else ""
    replicas = found.get("ReadReplicaDBInstanceIdentifiers", ())
    yield f"read replicas: {len(replicas)}" if replicas else ""
    if source := found.get("ReadReplicaSourceDBInstanceIdentifier"):
        yield f"replica of: {named(source)}"


def _storage_line(found: Answer) -> str:
    if str(found.get("Engine")).startswith(_AURORA):
        return "storage: Aurora's, grows by itself"
    most = found.get("MaxAllocatedStorage")
    grows = f", grows by itself to {most} GiB" if most else ", does not grow by itself"
    return f"storage: {term(found.get('StorageType'))}, {found.get('AllocatedStorage')} GiB{grows}"


async def _cluster(reading: Reading) -> Described:
    answer = await reading.ask(_CLUSTERS, DBClusterIdentifier=reading.resource.id)
    found = reading.only(answer.get("DBClusters", []), _CLUSTERS)
    tags = tags_of(found.get("TagList", ()))
    members = found.get("DBClusterMembers", ())
    roles = counted("writer" if each.get("IsClusterWriter") else "reader" for each in members)
    scaling = found.get("ServerlessV2ScalingConfiguration", {})
    limits = {}
    if most := scaling.get("MaxCapacity"):
        limits["ServerlessDatabaseCapacity"] = Limit("MaxCapacity", most, "in Aurora capacity units of about 2 GiB")
    return Described(
        lines=(
            f"cluster: {term(found.get('Engine'))} {term(found.get('EngineVersion'))}, {term(found.get('Status'))}",
            f"members: {roles}",
            f"multi-AZ: {'yes' if found.get('MultiAZ') else 'no'}",
            f"serverless: {number(scaling.get('MinCapacity', 0))} to {number(most)} units" if most else "",
            f"parameter group: {named(found.get('DBClusterParameterGroup'))}",
            tagged(tags),
        ),
        limits=limits,
        tags=tags,
    )


DESCRIBERS = (
    Describer(
        ("docdb:db-instance", "neptune:db-instance", "rds:db-instance"),
        (_INSTANCES, _PARAMETERS),
        _instance,
    ),
    Describer(("docdb:db-cluster", "neptune:db-cluster", "rds:db-cluster"), (_CLUSTERS,), _cluster),
)
