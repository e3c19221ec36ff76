"""The table of companions: which metrics tell what else a resource is doing.

A new type is one row of `COMPANIONS`. Metric and dimension names are those of the services' CloudWatch metric pages. A
row counts where all of its dimensions are known, from the alarm's own metric or from the resource.
"""

from collections.abc import Mapping
from dataclasses import dataclass

MINUTE_SECONDS = 60
_FIVE_MINUTES = 300


@dataclass(frozen=True, slots=True)
class Row:
    """Metrics of one namespace that have the same dimensions.

    Args:
        namespace: the namespace.
        names: the dimensions that must be known.
        metrics: names and statistics, the most telling first.
        beside: dimensions that belong to the metrics where the alarm has them.
        period_seconds: how often the service sends them.
        prefix: what the value of the last dimension starts with, where one name means several things.
    """

    namespace: str
    names: tuple[str, ...]
    metrics: tuple[tuple[str, str], ...]
    beside: tuple[str, ...] = ()
    period_seconds: int = MINUTE_SECONDS
    prefix: str = ""


def _under(statistic: str, *names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, statistic) for name in names)


def _mean(*names: str) -> tuple[tuple[str, str], ...]:
    return _under("Average", *names)


def _most(*names: str) -> tuple[tuple[str, str], ...]:
    return _under("Maximum", *names)


def _least(*names: str) -> tuple[tuple[str, str], ...]:
    return _under("Minimum", *names)


def _count(*names: str) -> tuple[tuple[str, str], ...]:
    return _under("Sum", *names)


def _slow(*names: str) -> tuple[tuple[str, str], ...]:
    return _under("p99", *names)


_INSTANCE = (*_mean("CPUUtilization", "NetworkIn", "NetworkOut"), *_most("StatusCheckFailed"))
_AGENT = _mean("mem_used_percent", "swap_used_percent")
_AGENT_BESIDE = ("ImageId", "InstanceType", "AutoScalingGroupName")
_INSIGHTS_SERVICE = _mean("RunningTaskCount", "DesiredTaskCount", "PendingTaskCount", "DeploymentCount")
_INVOCATIONS = (
    *_count("Invocations", "Errors", "Throttles"),
    *_mean("Duration"),
    *_slow("Duration"),
    *_most("ConcurrentExecutions", "IteratorAge"),
)
_DATABASE = (
    *_mean("CPUUtilization", "DatabaseConnections", "FreeableMemory"),
    *_least("FreeStorageSpace"),
    *_mean("ReadLatency", "WriteLatency", "DiskQueueDepth", "ReadIOPS"),
)
_CLUSTER = (
    *_mean("CPUUtilization", "DatabaseConnections", "FreeableMemory", "CommitLatency", "SelectLatency", "Deadlocks"),
    *_most("AuroraReplicaLagMaximum", "ServerlessDatabaseCapacity"),
)
_TARGETS = (
    *_count("RequestCount"),
    *_slow("TargetResponseTime"),
    *_count("HTTPCode_Target_5XX_Count", "HTTPCode_Target_4XX_Count", "TargetConnectionErrorCount"),
    *_least("HealthyHostCount"),
    *_most("UnHealthyHostCount"),
)
_BALANCER = (
    *_count("RequestCount"),
    *_slow("TargetResponseTime"),
    *_count("HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count", "RejectedConnectionCount"),
    *_count("ActiveConnectionCount", "TargetConnectionErrorCount"),
)
_FLOWS = (
    *_mean("ActiveFlowCount"),
    *_count("NewFlowCount", "ProcessedBytes", "TCP_Client_Reset_Count", "TCP_ELB_Reset_Count"),
    *_count("TCP_Target_Reset_Count"),
)
_CAPACITY = (
    *_count("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"),
    *_mean("ProvisionedReadCapacityUnits", "ProvisionedWriteCapacityUnits"),
)
_REST = (*_count("Count", "4XXError", "5XXError"), *_slow("Latency", "IntegrationLatency"))
_HTTP = (*_count("Count", "4xx", "5xx"), *_slow("Latency", "IntegrationLatency"))
_PODS = _mean("pod_cpu_utilization", "pod_memory_utilization", "pod_network_rx_bytes", "pod_network_tx_bytes")
_POD = (
    *_mean("pod_cpu_utilization", "pod_memory_utilization", "pod_cpu_utilization_over_pod_limit"),
    *_mean("pod_memory_utilization_over_pod_limit", "pod_network_rx_bytes"),
    *_most("pod_number_of_container_restarts"),
)
_NODES = _mean("node_cpu_utilization", "node_memory_utilization", "node_filesystem_utilization")

_ECS_CLUSTER = (
    Row(
        "AWS/ECS",
        ("ClusterName",),
        _mean("CPUUtilization", "MemoryUtilization", "CPUReservation", "MemoryReservation"),
    ),
    Row("ECS/ContainerInsights", ("ClusterName",), _mean("TaskCount", "ServiceCount", "ContainerInstanceCount")),
)
_TASKS = _mean("CpuUtilized", "MemoryUtilized", "CpuReserved", "MemoryReserved", "NetworkRxBytes", "NetworkTxBytes")
_NAT_COUNTS = ("ErrorPortAllocation", "PacketsDropCount", "ConnectionAttemptCount", "ConnectionEstablishedCount")
_QUEUED = ("ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible")
_SENT = ("NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted")

COMPANIONS: Mapping[str, tuple[Row, ...]] = {
    "ec2:instance": (
        Row("AWS/EC2", ("InstanceId",), _INSTANCE, period_seconds=_FIVE_MINUTES),
        Row("CWAgent", ("InstanceId",), _AGENT, beside=_AGENT_BESIDE),
        Row("AWS/EC2", ("InstanceId",), _least("CPUCreditBalance", "EBSIOBalance%"), period_seconds=_FIVE_MINUTES),
    ),
    "autoscaling:group": (
        Row("AWS/EC2", ("AutoScalingGroupName",), _INSTANCE, period_seconds=_FIVE_MINUTES),
        Row(
            "AWS/AutoScaling",
            ("AutoScalingGroupName",),
            _mean("GroupInServiceInstances", "GroupDesiredCapacity", "GroupMaxSize", "GroupPendingInstances"),
        ),
    ),
    "cwagent:host": (
        Row("CWAgent", ("host",), (*_AGENT, *_mean("processes_total", "processes_blocked", "netstat_tcp_established"))),
    ),
    "ec2:volume": (
        Row(
            "AWS/EBS",
            ("VolumeId",),
            (
                *_count("VolumeReadOps", "VolumeWriteOps", "VolumeIdleTime"),
                *_mean("VolumeQueueLength"),
                *_least("BurstBalance"),
                *_most("VolumeStalledIOCheck"),
            ),
            period_seconds=_FIVE_MINUTES,
        ),
    ),
    "ec2:nat-gateway": (
        Row(
            "AWS/NATGateway",
            ("NatGatewayId",),
            (*_most("ActiveConnectionCount"), *_count(*_NAT_COUNTS, "BytesOutToDestination", "IdleTimeoutCount")),
        ),
    ),
    "ecs:service": (
        Row("AWS/ECS", ("ClusterName", "ServiceName"), _mean("CPUUtilization", "MemoryUtilization")),
        Row("ECS/ContainerInsights", ("ClusterName", "ServiceName"), (*_INSIGHTS_SERVICE, *_mean("NetworkRxBytes"))),
    ),
    "ecs:cluster": _ECS_CLUSTER,
    "ecs:capacity-provider": (
        Row("AWS/ECS/ManagedScaling", ("ClusterName", "CapacityProviderName"), _mean("CapacityProviderReservation")),
        *_ECS_CLUSTER,
    ),
    "ecs:task-family": (Row("ECS/ContainerInsights", ("ClusterName", "TaskDefinitionFamily"), _TASKS),),
    "eks:cluster": (
        Row(
            "ContainerInsights",
            ("ClusterName",),
            (
                *_most("cluster_failed_node_count"),
                *_mean("cluster_node_count"),
                *_NODES,
                *_count("pod_number_of_container_restarts"),
            ),
        ),
    ),
    "eks:namespace": (
        Row("ContainerInsights", ("ClusterName", "Namespace"), (*_mean("namespace_number_of_running_pods"), *_PODS)),
    ),
    "eks:service": (
        Row(
            "ContainerInsights",
            ("ClusterName", "Namespace", "Service"),
            (*_mean("service_number_of_running_pods"), *_PODS),
        ),
    ),
    "eks:pod": (Row("ContainerInsights", ("ClusterName", "Namespace", "PodName"), _POD),),
    "eks:node": (
        Row(
            "ContainerInsights",
            ("ClusterName", "InstanceId", "NodeName"),
            (*_NODES, *_mean("node_number_of_running_pods", "node_network_total_bytes")),
        ),
    ),
    "lambda:function": (Row("AWS/Lambda", ("FunctionName",), _INVOCATIONS),),
    "lambda:alias": (Row("AWS/Lambda", ("FunctionName", "Resource"), _INVOCATIONS),),
    "lambda:version": (Row("AWS/Lambda", ("FunctionName", "Resource"), _INVOCATIONS),),
    "rds:db-instance": (Row("AWS/RDS", ("DBInstanceIdentifier",), _DATABASE),),
    "rds:db-cluster": (Row("AWS/RDS", ("DBClusterIdentifier",), _CLUSTER, beside=("Role",)),),
    "rds:db-proxy": (
        Row(
            "AWS/RDS",
            ("ProxyName",),
            _mean(
                "ClientConnections",
                "DatabaseConnections",
                "DatabaseConnectionsCurrentlyBorrowed",
                "DatabaseConnectionsBorrowLatency",
                "QueryDatabaseResponseLatency",
            ),
        ),
    ),
    "dynamodb:table": (Row("AWS/DynamoDB", ("TableName",), _CAPACITY),),
    "dynamodb:index": (Row("AWS/DynamoDB", ("TableName", "GlobalSecondaryIndexName"), _CAPACITY),),
    "elasticache:cluster": (
        Row(
            "AWS/ElastiCache",
            ("CacheClusterId",),
            (
                *_mean("EngineCPUUtilization", "CPUUtilization", "DatabaseMemoryUsagePercentage", "CurrConnections"),
                *_count("Evictions", "CacheHits", "CacheMisses"),
                *_most("ReplicationLag"),
            ),
            beside=("CacheNodeId",),
        ),
    ),
    "elasticache:replication-group": (
        Row(
            "AWS/ElastiCache",
            ("ReplicationGroupId",),
            _mean(
                "EngineCPUUtilization",
                "DatabaseMemoryUsagePercentage",
                "DatabaseMemoryUsageCountedForEvictPercentage",
                "DatabaseCapacityUsagePercentage",
                "DatabaseCapacityUsageCountedForEvictPercentage",
            ),
            beside=("Role",),
        ),
    ),
    "elasticache:serverless-cache": (
        Row(
            "AWS/ElastiCache",
            ("clusterId",),
            (
                *_mean("BytesUsedForCache", "CurrConnections", "CacheHitRate"),
                *_count("ElastiCacheProcessingUnits", "ThrottledCmds", "Evictions"),
            ),
        ),
    ),
    "opensearch:domain": (
        Row(
            "AWS/ES",
            ("DomainName", "ClientId"),
            (
                *_most("ClusterStatus.red", "ClusterStatus.yellow"),
                *_mean("CPUUtilization"),
                *_most("JVMMemoryPressure"),
                *_least("FreeStorageSpace"),
                *_mean("SearchLatency", "IndexingLatency"),
                *_count("ThreadpoolSearchRejected"),
            ),
        ),
    ),
    "elb:target-group": (
        Row("AWS/ApplicationELB", ("TargetGroup", "LoadBalancer"), _TARGETS, prefix="app/"),
        Row(
            "AWS/NetworkELB",
            ("TargetGroup", "LoadBalancer"),
            (*_least("HealthyHostCount"), *_most("UnHealthyHostCount")),
            prefix="net/",
        ),
        Row("AWS/NetworkELB", ("LoadBalancer",), _FLOWS, prefix="net/"),
    ),
    "elb:load-balancer": (
        Row("AWS/ApplicationELB", ("LoadBalancer",), _BALANCER, prefix="app/"),
        Row("AWS/NetworkELB", ("LoadBalancer",), _FLOWS, prefix="net/"),
    ),
    "elb:classic-load-balancer": (
        Row(
            "AWS/ELB",
            ("LoadBalancerName",),
            (
                *_count("RequestCount"),
                *_mean("Latency"),
                *_count("HTTPCode_Backend_5XX", "HTTPCode_ELB_5XX", "SpilloverCount"),
                *_least("HealthyHostCount"),
                *_most("UnHealthyHostCount", "SurgeQueueLength"),
            ),
        ),
    ),
    "sqs:queue": (
        Row(
            "AWS/SQS",
            ("QueueName",),
            (*_mean(*_QUEUED), *_most("ApproximateAgeOfOldestMessage"), *_count(*_SENT, "NumberOfEmptyReceives")),
        ),
    ),
    "sns:topic": (
        Row(
            "AWS/SNS",
            ("TopicName",),
            (
                *_count("NumberOfMessagesPublished", "NumberOfNotificationsDelivered", "NumberOfNotificationsFailed"),
                *_count("NumberOfNotificationsFilteredOut"),
                *_mean("PublishSize"),
            ),
        ),
    ),
    "kinesis:stream": (
        Row(
            "AWS/Kinesis",
            ("StreamName",),
            (
                *_count("IncomingRecords", "IncomingBytes"),
                *_most("GetRecords.IteratorAgeMilliseconds"),
                *_count("WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded"),
                *_mean("GetRecords.Latency"),
            ),
        ),
    ),
    "states:state-machine": (
        Row(
            "AWS/States",
            ("StateMachineArn",),
            (
                *_count("ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut"),
                *_count("ExecutionThrottled"),
                *_mean("ExecutionTime"),
            ),
        ),
    ),
    "apigateway:rest-api": (Row("AWS/ApiGateway", ("ApiName",), _REST),),
    "apigateway:rest-stage": (Row("AWS/ApiGateway", ("ApiName", "Stage"), _REST),),
    "apigateway:api": (Row("AWS/ApiGateway", ("ApiId",), _HTTP),),
    "apigateway:stage": (Row("AWS/ApiGateway", ("ApiId", "Stage"), _HTTP),),
    "cloudfront:distribution": (
        Row(
            "AWS/CloudFront",
            ("DistributionId", "Region"),
            (*_count("Requests", "BytesDownloaded"), *_mean("5xxErrorRate", "4xxErrorRate", "OriginLatency")),
        ),
    ),
    "efs:file-system": (
        Row(
            "AWS/EFS",
            ("FileSystemId",),
            (
                *_most("PercentIOLimit"),
                *_least("BurstCreditBalance"),
                *_count("ClientConnections", "DataReadIOBytes", "DataWriteIOBytes"),
                *_mean("PermittedThroughput"),
            ),
        ),
    ),
    "sagemaker:endpoint": (
        Row(
            "AWS/SageMaker",
            ("EndpointName", "VariantName"),
            (
                *_count("Invocations", "Invocation4XXErrors", "Invocation5XXErrors"),
                *_slow("ModelLatency", "OverheadLatency"),
            ),
        ),
    ),
}

NAMES: Mapping[str, tuple[str, ...]] = {
    "ec2:instance": ("InstanceId",),
    "autoscaling:group": ("AutoScalingGroupName",),
    "ecs:service": ("ClusterName", "ServiceName"),
    "ecs:cluster": ("ClusterName",),
    "eks:cluster": ("ClusterName",),
    "lambda:function": ("FunctionName",),
    "rds:db-instance": ("DBInstanceIdentifier",),
    "rds:db-cluster": ("DBClusterIdentifier",),
    "dynamodb:table": ("TableName",),
    "elb:load-balancer": ("LoadBalancer",),
    "sqs:queue": ("QueueName",),
    "sns:topic": ("TopicName",),
    "kinesis:stream": ("StreamName",),
}
"""Dimensions that a resource's id gives where the alarm's own metric has others: a custom metric, or an agent's."""
