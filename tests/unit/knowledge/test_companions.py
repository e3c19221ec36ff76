import pytest
from triage import ACCOUNT, REGION, alarm_on, database_alarm, disk_alarm, metric, over, resource

from autocloudops.alarms.model import AlarmKey
from autocloudops.alarms.resources import resolve
from autocloudops.knowledge.companions import COMPANIONS, MOST, companions

ALB = "app/shop/50dc6c495c0c9188"
NLB = "net/shop/50dc6c495c0c9188"
TARGETS = "targetgroup/shop/73e2d6bc24d8a067"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:orders"
INSTANCE = "i-0abc1234def567890"
ALARMS: list[tuple[str, str, str, dict[str, str]]] = [
    ("ec2:instance", "AWS/EC2", "CPUUtilization", {"InstanceId": INSTANCE}),
    ("autoscaling:group", "AWS/EC2", "CPUUtilization", {"AutoScalingGroupName": "web"}),
    ("cwagent:host", "CWAgent", "disk_used_percent", {"host": "ip-10-0-0-1", "path": "/"}),
    ("ec2:volume", "AWS/EBS", "BurstBalance", {"VolumeId": "vol-0123456789abcdef0"}),
    ("ec2:nat-gateway", "AWS/NATGateway", "ErrorPortAllocation", {"NatGatewayId": "nat-0a"}),
    ("ecs:service", "AWS/ECS", "CPUUtilization", {"ClusterName": "shop", "ServiceName": "api"}),
    ("ecs:cluster", "AWS/ECS", "MemoryReservation", {"ClusterName": "shop"}),
    ("eks:cluster", "ContainerInsights", "node_cpu_utilization", {"ClusterName": "blue"}),
    ("eks:namespace", "ContainerInsights", "pod_cpu_utilization", {"ClusterName": "blue", "Namespace": "shop"}),
    (
        "eks:service",
        "ContainerInsights",
        "pod_cpu_utilization",
        {"ClusterName": "blue", "Namespace": "shop", "Service": "api"},
    ),
    (
        "eks:pod",
        "ContainerInsights",
        "pod_cpu_utilization",
        {"ClusterName": "blue", "Namespace": "shop", "PodName": "api"},
    ),
    ("lambda:function", "AWS/Lambda", "Errors", {"FunctionName": "resize"}),
    ("lambda:alias", "AWS/Lambda", "Errors", {"FunctionName": "resize", "Resource": "resize:live"}),
    ("rds:db-instance", "AWS/RDS", "DatabaseConnections", {"DBInstanceIdentifier": "orders-db"}),
    ("rds:db-cluster", "AWS/RDS", "CPUUtilization", {"DBClusterIdentifier": "orders", "Role": "WRITER"}),
    ("rds:db-proxy", "AWS/RDS", "ClientConnections", {"ProxyName": "orders"}),
    ("elb:load-balancer", "AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", {"LoadBalancer": ALB}),
    ("elb:load-balancer", "AWS/NetworkELB", "TCP_ELB_Reset_Count", {"LoadBalancer": NLB}),
    ("elb:target-group", "AWS/ApplicationELB", "UnHealthyHostCount", {"TargetGroup": TARGETS, "LoadBalancer": ALB}),
    ("elb:target-group", "AWS/NetworkELB", "UnHealthyHostCount", {"TargetGroup": TARGETS, "LoadBalancer": NLB}),
    ("elb:classic-load-balancer", "AWS/ELB", "Latency", {"LoadBalancerName": "old"}),
    ("dynamodb:table", "AWS/DynamoDB", "ReadThrottleEvents", {"TableName": "orders"}),
    (
        "dynamodb:index",
        "AWS/DynamoDB",
        "ReadThrottleEvents",
        {"TableName": "orders", "GlobalSecondaryIndexName": "by-day"},
    ),
    ("sqs:queue", "AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": "orders"}),
    ("sns:topic", "AWS/SNS", "NumberOfNotificationsFailed", {"TopicName": "orders"}),
    ("apigateway:rest-api", "AWS/ApiGateway", "5XXError", {"ApiName": "shop"}),
    ("apigateway:api", "AWS/ApiGateway", "5xx", {"ApiId": "a1b2c3"}),
    ("elasticache:cluster", "AWS/ElastiCache", "Evictions", {"CacheClusterId": "shop-001", "CacheNodeId": "0001"}),
    ("opensearch:domain", "AWS/ES", "ClusterStatus.red", {"DomainName": "logs", "ClientId": ACCOUNT}),
    ("kinesis:stream", "AWS/Kinesis", "IncomingRecords", {"StreamName": "clicks"}),
    ("states:state-machine", "AWS/States", "ExecutionsFailed", {"StateMachineArn": MACHINE}),
    ("efs:file-system", "AWS/EFS", "PercentIOLimit", {"FileSystemId": "fs-0a"}),
    ("cloudfront:distribution", "AWS/CloudFront", "5xxErrorRate", {"DistributionId": "E1", "Region": "Global"}),
    ("sagemaker:endpoint", "AWS/SageMaker", "ModelLatency", {"EndpointName": "nim", "VariantName": "AllTraffic"}),
]


@pytest.mark.parametrize(("kind", "namespace", "name", "dimensions"), ALARMS)
def test_an_alarm_has_four_to_eight_companions(
    kind: str, namespace: str, name: str, dimensions: dict[str, str]
) -> None:
    """Beside its own metric, every usual alarm has at least four others with the dimensions of the same resource."""
    watched = metric(namespace, name, dimensions)
    ref = resolve(AlarmKey(account=ACCOUNT, region=REGION, name="a"), watched, (), {}, ACCOUNT)
    assert ref.type == kind
    found = companions(alarm_on(ref, watched, over(1)))
    assert 4 <= len(found) <= MOST
    assert all((each.metric.namespace, each.metric.name) != (namespace, name) for each in found)
    assert all(value in set(dimensions.values()) for each in found for value in each.metric.dimensions.values())


def test_every_row_names_metrics_once_and_with_dimensions() -> None:
    """No type asks for the same metric and statistic twice under the same dimensions, nor for one without any."""
    for kind, rows in COMPANIONS.items():
        asked = [(row.namespace, row.names, row.prefix, *each) for row in rows for each in row.metrics]
        assert len(set(asked)) == len(asked), kind
        assert all(row.names for row in rows), kind


def test_an_agents_alarm_has_the_instances_own_metrics() -> None:
    """A full disk is looked at beside the CPU of its instance, without the path, and the agent's memory beside it."""
    found = {each.metric.name: each.metric for each in companions(disk_alarm())}
    assert found["CPUUtilization"].dimensions == {"InstanceId": INSTANCE}
    assert found["mem_used_percent"].namespace == "CWAgent"
    assert "path" not in found["mem_used_percent"].dimensions


def test_an_agents_other_dimensions_belong_to_its_metrics() -> None:
    """The image and type that an agent adds to every metric are kept for the agent's, and no others."""
    dimensions = {"InstanceId": INSTANCE, "ImageId": "ami-1", "InstanceType": "m5.large", "path": "/", "fstype": "xfs"}
    watched = metric("CWAgent", "disk_used_percent", dimensions)
    found = {
        each.metric.name: each for each in companions(alarm_on(resource("ec2:instance", INSTANCE), watched, over(1)))
    }
    assert set(found["mem_used_percent"].metric.dimensions) == {"InstanceId", "ImageId", "InstanceType"}


def test_a_custom_metric_has_the_companions_of_its_resource() -> None:
    """Where the alarm's own dimensions are of another kind, those of the resource come from its id."""
    watched = metric("Shop", "QueueDepth", {"Environment": "prod"})
    found = companions(alarm_on(resource("ecs:service", "shop/orders-api"), watched, over(1)))
    assert found[0].metric.dimensions == {"ClusterName": "shop", "ServiceName": "orders-api"}


def test_unknown_types_and_unknown_dimensions_have_none() -> None:
    """What no row knows, or what lacks a dimension, asks for nothing."""
    lone = metric("AWS/ApplicationELB", "HealthyHostCount", {"TargetGroup": TARGETS})
    assert companions(alarm_on(resource("elb:target-group", TARGETS), lone, over(1))) == ()
    assert companions(alarm_on(resource("app:service", "x"), metric("Shop", "x", {}), over(1))) == ()
    without = database_alarm().model_copy(update={"metric": None})
    assert len(companions(without)) == MOST
