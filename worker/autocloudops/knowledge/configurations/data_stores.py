"""DynamoDB tables, ElastiCache, OpenSearch domains."""

from collections.abc import Iterable

from autocloudops.knowledge.configurations.reading import Answer, Described, Describer, Limit, Reading
from autocloudops.knowledge.configurations.words import MIB, counted, named, size, term

_TABLE = "dynamodb:DescribeTable"
_CACHES = "elasticache:DescribeCacheClusters"
_REPLICATION_GROUPS = "elasticache:DescribeReplicationGroups"
_DOMAIN = "es:DescribeDomain"
PROVISIONED = "PROVISIONED"
TABLE_READ_UNITS = TABLE_WRITE_UNITS = 40_000
"""Capacity units a second of an on-demand table where nobody asked for more.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
"""
CACHE_CONNECTIONS = 65_000
"""`maxclients` of Redis and Valkey nodes of every class but the smallest.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html
"""
SHOWN_INDEXES = 4
_GIB_IN_MIB = 1024


async def _table(reading: Reading) -> Described:
    answer = await reading.ask(_TABLE, TableName=reading.names[0])
    table = answer.get("Table", {})
    on_demand = table.get("BillingModeSummary", {}).get("BillingMode", PROVISIONED) != PROVISIONED
    indexes = table.get("GlobalSecondaryIndexes", [])
    meant = _meant(reading, table, indexes)
    return Described(
        lines=(
            f"table: {term(table.get('TableStatus'))}, {'on demand' if on_demand else 'provisioned capacity'}",
            _capacity_line("provisioned", meant) if not on_demand else "",
            *(_index_line(each, on_demand=on_demand) for each in indexes[:SHOWN_INDEXES]),
            f"global indexes: {len(indexes)}",
            f"size: {size(table.get('TableSizeBytes', 0))}, {table.get('ItemCount', 0)} items, up to six hours old",
            f"replicas: {len(table['Replicas'])}" if table.get("Replicas") else "",
        ),
        limits=_capacity(meant, on_demand=on_demand),
    )


def _meant(reading: Reading, table: Answer, indexes: Iterable[Answer]) -> Answer:
    """Return the index that the resource is, else the table."""
    if reading.resource.type != "dynamodb:index":
        return table
    return next((each for each in indexes if each.get("IndexName") == reading.names[-1]), {})


def _capacity(meant: Answer, *, on_demand: bool) -> dict[str, Limit]:
    given = meant.get("ProvisionedThroughput", {})
    read, write = given.get("ReadCapacityUnits"), given.get("WriteCapacityUnits")
    note = "provisioned"
    if on_demand:
        most = meant.get("OnDemandThroughput", {})
        read, write = most.get("MaxReadRequestUnits", -1), most.get("MaxWriteRequestUnits", -1)
        note = "on demand"
        if min(read, write) < 0:
            read, write, note = TABLE_READ_UNITS, TABLE_WRITE_UNITS, "the default quota of an on-demand table"
    limits = {}
    if read:
        limits["ConsumedReadCapacityUnits"] = Limit("read capacity units", read, note, per_second=True)
    if write:
        limits["ConsumedWriteCapacityUnits"] = Limit("write capacity units", write, note, per_second=True)
    return limits


def _capacity_line(label: str, found: Answer) -> str:
    given = found.get("ProvisionedThroughput", {})
    cuts = given.get("NumberOfDecreasesToday", 0)
    lowered = f", lowered {cuts} times today" if cuts else ""
    return f"{label}: {given.get('ReadCapacityUnits')} read, {given.get('WriteCapacityUnits')} write units{lowered}"


def _index_line(found: Answer, *, on_demand: bool) -> str:
    capacity = "" if on_demand else f", {_capacity_line('provisioned', found)}"
    return f"index: {named(found.get('IndexName'))}, {term(found.get('IndexStatus'))}{capacity}"


async def _cache(reading: Reading) -> Described:
    answer = await reading.ask(_CACHES, CacheClusterId=reading.resource.id)
    found = reading.only(answer.get("CacheClusters", []), _CACHES)
    memcached = found.get("Engine") == "memcached"
    pending = sorted(found.get("PendingModifiedValues") or ())
    return Described(
        lines=(
            (
                f"cache: {term(found.get('CacheNodeType'))}, {found.get('NumCacheNodes')} nodes, "
                f"{term(found.get('CacheClusterStatus'))}"
            ),
            f"engine: {term(found.get('Engine'))} {term(found.get('EngineVersion'))}",
            f"zone: {term(found.get('PreferredAvailabilityZone'))}",
            f"replication group: {named(found['ReplicationGroupId'])}" if found.get("ReplicationGroupId") else "",
            f"parameter group: {named(found.get('CacheParameterGroup', {}).get('CacheParameterGroupName'))}",
            f"changes waiting to be applied: {', '.join(map(term, pending))}" if pending else "",
        ),
        limits={} if memcached else {"CurrConnections": Limit("maxclients", CACHE_CONNECTIONS, "the default")},
    )


async def _replication_group(reading: Reading) -> Described:
    answer = await reading.ask(_REPLICATION_GROUPS, ReplicationGroupId=reading.resource.id)
    found = reading.only(answer.get("ReplicationGroups", []), _REPLICATION_GROUPS)
    groups = found.get("NodeGroups", ())
    nodes = found.get("MemberClusters", ())
    return Described(
        lines=(
            (
                f"replication group: {term(found.get('CacheNodeType'))}, {len(groups)} shards, {len(nodes)} nodes, "
                f"{term(found.get('Status'))}"
            ),
            f"automatic failover: {term(found.get('AutomaticFailover'))}, multi-AZ: {term(found.get('MultiAZ'))}",
            f"shards: {counted(each.get('Status') for each in groups)}",
        ),
        limits={"CurrConnections": Limit("maxclients", CACHE_CONNECTIONS, "the default, for each node")},
    )


async def _domain(reading: Reading) -> Described:
    answer = await reading.ask(_DOMAIN, DomainName=reading.resource.id)
    found = answer.get("DomainStatus", {})
    cluster, disk = found.get("ClusterConfig", {}), found.get("EBSOptions", {})
    nodes, gib = cluster.get("InstanceCount", 0), disk.get("VolumeSize", 0)
    limits = {"Nodes": Limit("data nodes", nodes, "masters come on top")} if nodes else {}
    if gib:
        limits["FreeStorageSpace"] = Limit(
            "volume of a node", gib * _GIB_IN_MIB, f"{size(gib * _GIB_IN_MIB * MIB)}, in MiB"
        )
    masters = cluster.get("DedicatedMasterCount")
    return Described(
        lines=(
            f"domain: {nodes} data nodes {term(cluster.get('InstanceType'))}, {term(found.get('EngineVersion'))}",
            f"masters: {masters} {term(cluster.get('DedicatedMasterType'))}"
            if masters
            else "masters: none of their own",
            f"disk: {term(disk.get('VolumeType'))}, {gib} GiB a node" if gib else "",
            f"zone awareness: {'yes' if cluster.get('ZoneAwarenessEnabled') else 'no'}",
            f"being changed: {'yes' if found.get('Processing') else 'no'}",
        ),
        limits=limits,
    )


DESCRIBERS = (
    Describer(("dynamodb:index", "dynamodb:table"), (_TABLE,), _table),
    Describer(("elasticache:cluster",), (_CACHES,), _cache),
    Describer(("elasticache:replication-group",), (_REPLICATION_GROUPS,), _replication_group),
    Describer(("opensearch:domain",), (_DOMAIN,), _domain),
)
