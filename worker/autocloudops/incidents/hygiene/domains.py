"""What the metrics of AWS can measure: their range, unit and nature.

A new metric is one name in one row. Ranges and units are those of the services' CloudWatch metric pages. A bound stands
here only where the metric cannot pass it: ECS reports more than 100 % CPU for a service that bursts, so that its row
has none.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import inf

from autocloudops.incidents.hygiene.comparison import ANYTHING, Range


class Unit(StrEnum):
    """The unit in which CloudWatch keeps a metric, in the API's spelling."""

    PERCENT = "Percent"
    COUNT = "Count"
    BYTES = "Bytes"
    MEGABYTES = "Megabytes"
    SECONDS = "Seconds"
    MILLISECONDS = "Milliseconds"
    MICROSECONDS = "Microseconds"
    NONE = "None"


NOT_NEGATIVE = Range(0, inf)


class Worse(StrEnum):
    """The side on which a metric is bad; EITHER where both mean something."""

    HIGH = "high"
    LOW = "low"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Domain:
    """What one metric can measure.

    Args:
        unit: the unit of its values.
        reach: what one sample can be, and so what averages and percentiles of samples can be.
        worse: the side on which it is bad.
        gauge: whether samples are readings of a level, so that their sum means nothing.
        plausible: thresholds outside of it, zero apart, were probably meant in another unit.
    """

    unit: Unit
    reach: Range = NOT_NEGATIVE
    worse: Worse = Worse.EITHER
    gauge: bool = True
    plausible: Range = ANYTHING


@dataclass(frozen=True, slots=True)
class Row:
    """Metrics of one domain, in each of `namespaces`."""

    namespaces: tuple[str, ...]
    names: tuple[str, ...]
    domain: Domain


_UNIT_INTERVAL = Range(0, 1)
_HUNDRED = Range(0, 100)
_MILLION_OR_MORE = Range(1e6, inf)

LEVEL = Domain(Unit.COUNT)
LEVEL_HIGH = Domain(Unit.COUNT, worse=Worse.HIGH)
LEVEL_LOW = Domain(Unit.COUNT, worse=Worse.LOW)
EVENTS = Domain(Unit.COUNT, gauge=False)
FAILURES = Domain(Unit.COUNT, worse=Worse.HIGH, gauge=False)
BAD_FLAG = Domain(Unit.COUNT, _UNIT_INTERVAL, Worse.HIGH, gauge=False)
GOOD_FLAG = Domain(Unit.NONE, _UNIT_INTERVAL, Worse.LOW, gauge=False)
FAILED_SHARE = Domain(Unit.COUNT, _UNIT_INTERVAL, Worse.HIGH, gauge=False)
SUCCESS_SHARE = Domain(Unit.COUNT, _UNIT_INTERVAL, Worse.LOW, gauge=False)
PERCENT = Domain(Unit.PERCENT, _HUNDRED)
PERCENT_HIGH = Domain(Unit.PERCENT, _HUNDRED, Worse.HIGH)
PERCENT_LOW = Domain(Unit.PERCENT, _HUNDRED, Worse.LOW)
OPEN_PERCENT = Domain(Unit.PERCENT)
BYTES = Domain(Unit.BYTES)
USED_BYTES = Domain(Unit.BYTES, worse=Worse.HIGH)
FREE_BYTES = Domain(Unit.BYTES, worse=Worse.LOW, plausible=_MILLION_OR_MORE)
FREE_MEGABYTES = Domain(Unit.MEGABYTES, worse=Worse.LOW, plausible=Range(1, 1e9))
TRAFFIC = Domain(Unit.BYTES, gauge=False)
UPTIME = Domain(Unit.SECONDS, worse=Worse.LOW)
SECONDS = Domain(Unit.SECONDS, worse=Worse.HIGH)
LAG = Domain(Unit.SECONDS, Range(-1, inf), Worse.HIGH)
LATENCY_SECONDS = Domain(Unit.SECONDS, worse=Worse.HIGH, plausible=Range(0, 100))
MILLISECONDS = Domain(Unit.MILLISECONDS, worse=Worse.HIGH)
LATENCY_MICROSECONDS = Domain(Unit.MICROSECONDS, worse=Worse.HIGH, plausible=Range(1000, inf))

_BALANCERS = ("AWS/ApplicationELB", "AWS/NetworkELB", "AWS/GatewayELB", "AWS/ELB")
_DATABASES = ("AWS/RDS", "AWS/DocDB", "AWS/Neptune")
_ECS_INSIGHTS = ("ECS/ContainerInsights",)
_ENDPOINTS = ("AWS/SageMaker", "/aws/sagemaker/Endpoints")

ROWS: tuple[Row, ...] = (
    # Compute
    Row(("AWS/EC2",), ("CPUUtilization",), PERCENT),
    Row(
        ("AWS/EC2",),
        (
            "StatusCheckFailed",
            "StatusCheckFailed_Instance",
            "StatusCheckFailed_System",
            "StatusCheckFailed_AttachedEBS",
        ),
        BAD_FLAG,
    ),
    Row(("AWS/EC2",), ("NetworkIn", "NetworkOut", "DiskReadBytes", "DiskWriteBytes"), TRAFFIC),
    Row(("AWS/EC2",), ("NetworkPacketsIn", "NetworkPacketsOut", "DiskReadOps", "DiskWriteOps"), EVENTS),
    Row(("AWS/EC2", "AWS/RDS"), ("CPUCreditBalance",), LEVEL_LOW),
    Row(("AWS/EC2", "AWS/RDS"), ("EBSByteBalance%", "EBSIOBalance%"), PERCENT_LOW),
    Row(("AWS/EBS", "AWS/RDS"), ("BurstBalance",), PERCENT_LOW),
    Row(("AWS/EBS",), ("VolumeStalledIOCheck",), BAD_FLAG),
    Row(("AWS/EBS",), ("VolumeQueueLength",), LEVEL),
    Row(
        ("AWS/AutoScaling",),
        ("GroupInServiceCapacity", "GroupInServiceInstances", "GroupDesiredCapacity", "GroupTotalInstances"),
        LEVEL,
    ),
    Row(("AWS/ECS",), ("CPUUtilization", "MemoryUtilization", "CPUReservation", "MemoryReservation"), OPEN_PERCENT),
    Row(("AWS/ECS",), ("EBSFilesystemUtilization",), PERCENT_HIGH),
    Row(("AWS/ECS",), ("HTTPCode_Target_5XX_Count",), FAILURES),
    Row(("AWS/ECS",), ("TargetResponseTime",), LATENCY_SECONDS),
    Row(
        _ECS_INSIGHTS,
        ("RunningTaskCount", "PendingTaskCount", "DesiredTaskCount", "TaskCount", "ServiceCount", "DeploymentCount"),
        LEVEL,
    ),
    Row(
        _ECS_INSIGHTS,
        ("instance_filesystem_utilization", "instance_cpu_utilization", "instance_memory_utilization"),
        PERCENT,
    ),
    Row(
        ("ContainerInsights",),
        ("node_cpu_utilization", "node_memory_utilization", "node_filesystem_utilization"),
        PERCENT,
    ),
    Row(("ContainerInsights",), ("cluster_failed_node_count", "pod_number_of_container_restarts"), LEVEL_HIGH),
    Row(("AWS/Lambda",), ("Errors", "Throttles", "DeadLetterErrors", "DestinationDeliveryFailures"), FAILURES),
    Row(("AWS/Lambda",), ("Invocations",), EVENTS),
    Row(("AWS/Lambda",), ("ConcurrentExecutions", "ClaimedAccountConcurrency"), LEVEL),
    Row(("AWS/Lambda",), ("Duration", "IteratorAge", "AsyncEventAge"), MILLISECONDS),
    Row(("LambdaInsights",), ("memory_utilization",), PERCENT_HIGH),
    Row(_ENDPOINTS, ("Invocation5XXErrors", "Invocation4XXErrors", "InvocationModelErrors"), FAILURES),
    Row(_ENDPOINTS, ("ModelLatency", "OverheadLatency"), LATENCY_MICROSECONDS),
    Row(("/aws/sagemaker/Endpoints",), ("MemoryUtilization", "DiskUtilization"), PERCENT),
    # What the CloudWatch agent reads on a host
    Row(("CWAgent",), ("mem_used_percent", "disk_used_percent", "swap_used_percent"), PERCENT_HIGH),
    Row(("CWAgent",), ("cpu_usage_active", "cpu_usage_idle", "cpu_usage_user", "cpu_usage_system"), PERCENT),
    Row(("CWAgent",), ("cpu_usage_iowait", "Memory % Committed Bytes In Use"), PERCENT_HIGH),
    Row(("CWAgent",), ("LogicalDisk % Free Space", "mem_available_percent"), PERCENT_LOW),
    Row(("CWAgent",), ("disk_free", "mem_free", "mem_available"), FREE_BYTES),
    Row(("CWAgent",), ("disk_inodes_free",), LEVEL_LOW),
    Row(("System/Linux", "System/Windows"), ("MemoryUtilization", "DiskSpaceUtilization"), PERCENT_HIGH),
    # Databases
    Row((*_DATABASES, "AWS/ElastiCache", "AWS/Redshift", "AWS/ES"), ("CPUUtilization",), PERCENT),
    Row((*_DATABASES, "AWS/ElastiCache"), ("FreeableMemory",), FREE_BYTES),
    Row(_DATABASES, ("FreeLocalStorage",), FREE_BYTES),
    Row(("AWS/RDS",), ("FreeStorageSpace", "AuroraVolumeBytesLeftTotal"), FREE_BYTES),
    Row((*_DATABASES, "AWS/ElastiCache"), ("SwapUsage",), USED_BYTES),
    Row(_DATABASES, ("DatabaseConnections", "DiskQueueDepth"), LEVEL),
    Row(_DATABASES, ("ReadLatency", "WriteLatency"), LATENCY_SECONDS),
    Row(
        ("AWS/RDS",),
        ("MaximumUsedTransactionIDs", "BlockedTransactions", "RollbackSegmentHistoryListLength", "DBLoad"),
        LEVEL_HIGH,
    ),
    Row(("AWS/RDS",), ("ReplicaLag", "AuroraBinlogReplicaLag"), LAG),
    Row(("AWS/RDS",), ("AuroraReplicaLag", "AuroraReplicaLagMaximum", "CommitLatency"), MILLISECONDS),
    Row(("AWS/RDS", "AWS/DocDB", "AWS/Neptune"), ("BufferCacheHitRatio",), PERCENT_LOW),
    Row(("AWS/RDS",), ("EngineUptime",), UPTIME),
    Row(("AWS/RDS",), ("Deadlocks",), FAILURES),
    Row(("AWS/ElastiCache",), ("EngineCPUUtilization",), PERCENT),
    Row(("AWS/ElastiCache",), ("CacheHitRate",), PERCENT_LOW),
    Row(("AWS/ElastiCache",), ("CurrConnections",), LEVEL),
    Row(("AWS/ElastiCache",), ("Evictions",), EVENTS),
    Row(("AWS/ElastiCache",), ("ReplicationLag",), SECONDS),
    Row(
        ("AWS/DynamoDB",),
        (
            "ReadThrottleEvents",
            "WriteThrottleEvents",
            "ThrottledRequests",
            "SystemErrors",
            "UserErrors",
            "FailedToReplicateRecordCount",
            "ThrottledPutRecordCount",
        ),
        FAILURES,
    ),
    Row(
        ("AWS/DynamoDB",),
        ("SuccessfulRequestLatency", "ReplicationLatency", "AgeOfOldestUnreplicatedRecord"),
        MILLISECONDS,
    ),
    Row(("AWS/DynamoDB",), ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"), EVENTS),
    Row(("AWS/ES",), ("JVMMemoryPressure", "MasterJVMMemoryPressure", "MasterCPUUtilization"), PERCENT_HIGH),
    Row(("AWS/ES",), ("ClusterStatus.red", "ClusterStatus.yellow", "ClusterIndexWritesBlocked"), BAD_FLAG),
    Row(("AWS/ES",), ("FreeStorageSpace",), FREE_MEGABYTES),
    Row(("AWS/Redshift",), ("PercentageDiskSpaceUsed",), PERCENT_HIGH),
    # Load balancers, APIs, the edge
    Row(_BALANCERS, ("HealthyHostCount",), LEVEL_LOW),
    Row(_BALANCERS, ("UnHealthyHostCount",), LEVEL_HIGH),
    Row(_BALANCERS, ("RequestCount", "NewConnectionCount"), EVENTS),
    Row(("AWS/ApplicationELB",), ("TargetResponseTime",), LATENCY_SECONDS),
    Row(("AWS/ELB",), ("Latency",), LATENCY_SECONDS),
    Row(
        _BALANCERS,
        (
            "HTTPCode_ELB_5XX_Count",
            "HTTPCode_ELB_4XX_Count",
            "HTTPCode_Target_5XX_Count",
            "HTTPCode_Target_4XX_Count",
            "HTTPCode_ELB_5XX",
            "HTTPCode_ELB_4XX",
            "HTTPCode_Backend_5XX",
            "HTTPCode_Backend_4XX",
            "TargetConnectionErrorCount",
            "RejectedConnectionCount",
            "BackendConnectionErrors",
            "SpilloverCount",
        ),
        FAILURES,
    ),
    Row(
        ("AWS/ApiGateway",),
        ("4XXError", "5XXError", "4xx", "5xx", "ClientError", "ExecutionError", "IntegrationError"),
        FAILED_SHARE,
    ),
    Row(("AWS/ApiGateway",), ("Count", "MessageCount"), EVENTS),
    Row(("AWS/ApiGateway",), ("Latency", "IntegrationLatency"), MILLISECONDS),
    Row(("AWS/CloudFront",), ("4xxErrorRate", "5xxErrorRate", "TotalErrorRate"), PERCENT_HIGH),
    Row(("AWS/CloudFront",), ("Requests",), EVENTS),
    Row(("AWS/CloudFront",), ("OriginLatency",), MILLISECONDS),
    Row(
        ("AWS/CloudFront",),
        ("FunctionValidationErrors", "FunctionExecutionErrors", "FunctionThrottles"),
        FAILURES,
    ),
    Row(("AWS/Route53",), ("HealthCheckStatus",), GOOD_FLAG),
    Row(("AWS/Route53",), ("HealthCheckPercentageHealthy",), PERCENT_LOW),
    Row(("AWS/VPN",), ("TunnelState",), GOOD_FLAG),
    Row(("AWS/NATGateway",), ("ErrorPortAllocation", "PacketsDropCount"), FAILURES),
    # Queues, streams, workflows, storage
    Row(("AWS/SQS",), ("ApproximateAgeOfOldestMessage",), SECONDS),
    Row(
        ("AWS/SQS",),
        (
            "ApproximateNumberOfMessagesVisible",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ),
        LEVEL,
    ),
    Row(("AWS/SQS",), ("NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted"), EVENTS),
    Row(("AWS/SNS",), ("NumberOfMessagesPublished", "NumberOfNotificationsDelivered"), EVENTS),
    Row(("AWS/SNS",), ("NumberOfNotificationsFailed", "NumberOfNotificationsRedrivenToDlq"), FAILURES),
    Row(("AWS/SNS",), ("SMSSuccessRate",), SUCCESS_SHARE),
    Row(("AWS/Kinesis",), ("GetRecords.IteratorAgeMilliseconds",), MILLISECONDS),
    Row(("AWS/Kinesis",), ("GetRecords.Success", "PutRecord.Success"), SUCCESS_SHARE),
    Row(
        ("AWS/Kinesis",),
        ("PutRecords.FailedRecords", "ReadProvisionedThroughputExceeded", "WriteProvisionedThroughputExceeded"),
        FAILURES,
    ),
    Row(("AWS/States",), ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"), FAILURES),
    Row(("AWS/States",), ("ExecutionTime",), MILLISECONDS),
    Row(("AWS/Events",), ("FailedInvocations",), FAILURES),
    Row(
        ("AWS/Scheduler",),
        ("TargetErrorThrottledCount", "InvocationThrottleCount", "InvocationDroppedCount", "TargetErrorCount"),
        FAILURES,
    ),
    Row(("AWS/Cognito",), ("SignUpThrottles", "SignInThrottles", "TokenRefreshThrottles"), FAILURES),
    Row(("AWS/EFS",), ("PercentIOLimit",), PERCENT_HIGH),
    Row(("AWS/EFS",), ("BurstCreditBalance",), FREE_BYTES),
    Row(("AWS/S3",), ("4xxErrors", "5xxErrors"), FAILED_SHARE),
    Row(("AWS/S3",), ("BucketSizeBytes",), BYTES),
    Row(("AWS/S3ObjectLambda",), ("4xxErrors", "5xxErrors", "LambdaResponse4xx"), FAILED_SHARE),
)

_DOMAINS = {(namespace, name): row.domain for row in ROWS for namespace in row.namespaces for name in row.names}


def domain_of(namespace: str, name: str) -> Domain | None:
    """Return what the metric can measure; None for metrics that no row knows."""
    return _DOMAINS.get((namespace, name))
