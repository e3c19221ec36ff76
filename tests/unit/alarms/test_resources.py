from collections.abc import Mapping

import pytest

from autocloudops.alarms.model import AlarmKey, Metric, MetricQuery, ResourceRef
from autocloudops.alarms.resources import resolve
from autocloudops.alarms.resources.resolving import ARN_CHARACTERS, NAME_CHARACTERS
from autocloudops.alarms.resources.table import ROWS

ACCOUNT = "111122223333"
OTHER = "444455556666"
KEY = AlarmKey(account=ACCOUNT, region="eu-central-1", name="Checkout is slow")
HERE = f"eu-central-1:{ACCOUNT}"
ALB = "app/shop/1f2e3d4c5b6a7988"
GROUP = "targetgroup/cart/aabbccddeeff0011"
MACHINE = f"arn:aws:states:{HERE}:stateMachine:refund"

# Two lines each: namespace | dimensions, and
# type | id | owner, `=` where it is the resource itself | ARN, `service:resource` where it is regional
TABLE = f"""
AWS/EC2 | InstanceId=i-0a
    ec2:instance | i-0a | = | ec2:instance/i-0a
AWS/EC2 | AutoScalingGroupName=web, InstanceId=i-0a
    ec2:instance | i-0a | autoscaling-group/web | ec2:instance/i-0a
AWS/EC2 | AutoScalingGroupName=web
    autoscaling:group | web | = | -
AWS/ECS | ServiceName=cart, ClusterName=shop
    ecs:service | shop/cart | = | ecs:service/shop/cart
AWS/ECS | ClusterName=shop
    ecs:cluster | shop | = | ecs:cluster/shop
ECS/ContainerInsights | ClusterName=shop, ServiceName=cart, TaskDefinitionFamily=cart, TaskId=9f
    ecs:task | shop/9f | ecs-service/shop/cart | ecs:task/shop/9f
ECS/ContainerInsights | ClusterName=shop, InstanceId=i-0a, ContainerInstanceId=77
    ec2:instance | i-0a | ecs-cluster/shop | ec2:instance/i-0a
ECS/ContainerInsights | ClusterName=shop, TaskDefinitionFamily=nightly
    ecs:task-family | shop/nightly | = | -
ContainerInsights | ClusterName=kube
    eks:cluster | kube | = | -
AWS/EKS | ClusterName=kube
    eks:cluster | kube | = | eks:cluster/kube
ContainerInsights | ClusterName=kube, Namespace=shop
    eks:namespace | kube/shop | = | -
ContainerInsights | ClusterName=kube, Namespace=shop, Service=cart
    eks:service | kube/shop/cart | = | -
ContainerInsights | ClusterName=kube, Namespace=shop, Service=cart, PodName=cart-v2
    eks:pod | kube/shop/cart-v2 | eks-service/kube/shop/cart | -
ContainerInsights | ClusterName=kube, NodeName=ip-10-0-0-7, InstanceId=i-0a
    ec2:instance | i-0a | eks-cluster/kube | ec2:instance/i-0a
AWS/Lambda | FunctionName=pay
    lambda:function | pay | = | lambda:function:pay
AWS/Lambda | FunctionName=pay, Resource=pay:live
    lambda:alias | pay:live | lambda-function/pay | lambda:function:pay:live
AWS/Lambda | FunctionName=pay, Resource=pay:7
    lambda:version | pay:7 | lambda-function/pay | lambda:function:pay:7
AWS/Lambda | FunctionName=pay, Resource=pay
    lambda:function | pay | = | lambda:function:pay
AWS/RDS | DBInstanceIdentifier=orders-1
    rds:db-instance | orders-1 | = | rds:db:orders-1
AWS/RDS | DBInstanceIdentifier=orders-1, DBClusterIdentifier=orders
    rds:db-instance | orders-1 | rds-db-cluster/orders | rds:db:orders-1
AWS/RDS | DBClusterIdentifier=orders, Role=WRITER
    rds:db-cluster | orders | = | rds:cluster:orders
AWS/DocDB | DBInstanceIdentifier=docs-1
    docdb:db-instance | docs-1 | = | rds:db:docs-1
AWS/ApplicationELB | LoadBalancer={ALB}, AvailabilityZone=eu-central-1a
    elb:load-balancer | {ALB} | = | elasticloadbalancing:loadbalancer/{ALB}
AWS/ApplicationELB | TargetGroup={GROUP}, LoadBalancer={ALB}
    elb:target-group | {GROUP} | elb-load-balancer/{ALB} | elasticloadbalancing:{GROUP}
AWS/ELB | LoadBalancerName=old
    elb:classic-load-balancer | old | = | elasticloadbalancing:loadbalancer/old
AWS/DynamoDB | TableName=carts, Operation=Query
    dynamodb:table | carts | = | dynamodb:table/carts
AWS/DynamoDB | TableName=carts, GlobalSecondaryIndexName=by-user
    dynamodb:index | carts/by-user | dynamodb-table/carts | dynamodb:table/carts/index/by-user
AWS/SQS | QueueName=jobs
    sqs:queue | jobs | = | sqs:jobs
AWS/SNS | TopicName=news
    sns:topic | news | = | sns:news
AWS/ApiGateway | ApiName=Shop API, Stage=prod, Method=GET, Resource=/
    apigateway:rest-stage | Shop API/prod | apigateway-rest-api/Shop API | -
AWS/ApiGateway | ApiId=a1b2, Stage=prod
    apigateway:stage | a1b2/prod | apigateway-api/a1b2 | arn:aws:apigateway:eu-central-1::/apis/a1b2/stages/prod
AWS/ElastiCache | CacheClusterId=sess-001, CacheNodeId=0001
    elasticache:cluster | sess-001 | = | elasticache:cluster:sess-001
AWS/ElastiCache | CacheClusterId=sess-001, ReplicationGroupId=sess
    elasticache:cluster | sess-001 | elasticache-replication-group/sess | elasticache:cluster:sess-001
AWS/ES | DomainName=logs, ClientId={ACCOUNT}
    opensearch:domain | logs | = | es:domain/logs
AWS/Kinesis | StreamName=clicks, ShardId=shardId-000000000001
    kinesis:shard | clicks/shardId-000000000001 | kinesis-stream/clicks | -
AWS/Firehose | DeliveryStreamName=lake
    firehose:delivery-stream | lake | = | firehose:deliverystream/lake
AWS/States | StateMachineArn={MACHINE}
    states:state-machine | refund | = | {MACHINE}
AWS/EFS | FileSystemId=fs-01
    efs:file-system | fs-01 | = | elasticfilesystem:file-system/fs-01
AWS/EBS | VolumeId=vol-01, InstanceId=i-0a
    ec2:volume | vol-01 | ec2-instance/i-0a | ec2:volume/vol-01
AWS/NATGateway | NatGatewayId=nat-01
    ec2:nat-gateway | nat-01 | = | ec2:natgateway/nat-01
AWS/Route53 | HealthCheckId=5e
    route53:health-check | 5e | = | arn:aws:route53:::healthcheck/5e
AWS/CloudFront | DistributionId=E1, Region=Global
    cloudfront:distribution | E1 | = | arn:aws:cloudfront::{ACCOUNT}:distribution/E1
AWS/CloudFront | DistributionId=E1, FunctionName=rewrite, Region=Global
    cloudfront:function | rewrite | cloudfront-distribution/E1 | arn:aws:cloudfront::{ACCOUNT}:function/rewrite
AWS/S3 | BucketName=lake, StorageType=x
    s3:bucket | lake | = | arn:aws:s3:::lake
CWAgent | InstanceId=i-0a, path=/, fstype=xfs, device=nvme0n1p1
    ec2:instance | i-0a | = | ec2:instance/i-0a
CWAgent | host=db7, path=/var
    cwagent:host | db7 | = | -
CWAgent | InstanceId=mi-0a, path=/
    ssm:managed-node | mi-0a | = | ssm:managed-instance/mi-0a
AWS/SageMaker | EndpointName=Nim-8B, VariantName=AllTraffic
    sagemaker:endpoint | Nim-8B | = | sagemaker:endpoint/nim-8b
AWS/Billing | Currency=USD
    billing:account | {ACCOUNT} | = | -
AWS/Billing | Currency=USD, ServiceName=AmazonEC2
    billing:service | AmazonEC2 | billing-account/{ACCOUNT} | -
AWS/Usage | Service=EC2, Resource=vCPU, Type=Resource, Class=Standard/OnDemand
    usage:quota | EC2/vCPU | = | -
Shop/Orders | InstanceId=i-0a, service=cart
    ec2:instance | i-0a | = | ec2:instance/i-0a
Shop/Orders | service=cart, env=prod
    app:service | cart | = | -
Shop/Orders | tier=gold, country=KR
    metric:dimension-set | Shop/Orders:country=KR,tier=gold | = | -
Shop/Orders | InstanceId=web-1
    metric:dimension-set | Shop/Orders:InstanceId=web-1 | = | -
"""
LINES = TABLE.strip().splitlines()


def of(
    namespace: str, dimensions: Mapping[str, str], tags: Mapping[str, str] | None = None, key: AlarmKey = KEY
) -> ResourceRef:
    """Resolve an alarm on one metric."""
    metric = Metric(namespace=namespace, name="m", dimensions=dimensions)
    return resolve(key, metric, (), tags or {}, "")


def query(number: int, namespace: str, account: str | None = None, **dimensions: str) -> MetricQuery:
    """Return the row of a metric list that reads one metric."""
    metric = Metric(namespace=namespace, name="m", dimensions=dimensions, account=account)
    return MetricQuery(id=f"m{number}", metric=metric, returned=False)


@pytest.mark.parametrize(("given", "expected"), list(zip(LINES[::2], LINES[1::2], strict=True)))
def test_dimensions_name_the_resource(given: str, expected: str) -> None:
    """A metric's dimensions give type, id, owner and, where they suffice, the ARN of its resource."""
    namespace, dimensions = given.split(" | ")
    kind, name, owner, arn = expected.strip().split(" | ")
    service, _, resource = arn.partition(":")
    found = of(namespace, dict(pair.split("=") for pair in dimensions.split(", ")))
    assert (found.type, found.id, found.account, found.region) == (kind, name, ACCOUNT, KEY.region)
    assert found.owner == (f"{kind.replace(':', '-')}/{name}" if owner == "=" else owner)
    assert found.arn == {"-": None, "arn": arn}.get(service, f"arn:aws:{service}:{HERE}:{resource}")


@pytest.mark.parametrize(
    ("namespace", "dimensions", "tags", "owner"),
    [
        ("AWS/EC2", {"InstanceId": "i-0a"}, {"aws:autoscaling:groupName": "web"}, "autoscaling-group/web"),
        (
            "AWS/EBS",
            {"VolumeId": "vol-1", "InstanceId": "i-0a"},
            {"aws:autoscaling:groupName": "web"},
            "autoscaling-group/web",
        ),
        (
            "ECS/ContainerInsights",
            {"ClusterName": "shop", "TaskDefinitionFamily": "cart"},
            {"aws:ecs:clusterName": "shop", "aws:ecs:serviceName": "cart"},
            "ecs-service/shop/cart",
        ),
        ("AWS/EC2", {"InstanceId": "i-0a"}, {"aws:cloudformation:stack-name": "all-alarms"}, "ec2-instance/i-0a"),
        ("AWS/SQS", {"QueueName": "jobs"}, {"aws:autoscaling:groupName": "web"}, "sqs-queue/jobs"),
    ],
)
def test_only_owner_tags_of_aws_name_an_owner(
    namespace: str, dimensions: dict[str, str], tags: dict[str, str], owner: str
) -> None:
    """Tags that AWS puts on what a group or service launched name its owner; stack tags and unrelated ones do not."""
    assert of(namespace, dimensions, tags).owner == owner


def test_without_a_metric_the_alarm_is_the_resource() -> None:
    """An alarm without metric, or whose metric has no dimensions, is itself what it is about."""
    arn = f"arn:aws:cloudwatch:{HERE}:alarm:Checkout is slow"
    expected = ResourceRef(
        type="alarm", id=KEY.name, account=ACCOUNT, region=KEY.region, owner="alarm/Checkout is slow", arn=arn
    )
    assert resolve(KEY, None, (), {}, "") == expected
    assert of("AWS/EC2", {}) == expected


@pytest.mark.parametrize(
    ("metric_account", "own", "expected"),
    [("", None, ACCOUNT), (OTHER, None, OTHER), ("", OTHER, OTHER), (ACCOUNT, OTHER, OTHER)],
)
def test_the_account_is_the_metrics(metric_account: str, own: str | None, expected: str) -> None:
    """The resource lies in the account of its metric, and so does its ARN."""
    metric = Metric(namespace="AWS/SQS", name="m", dimensions={"QueueName": "jobs"}, account=own)
    found = resolve(KEY, metric, (), {}, metric_account)
    assert (found.account, found.arn) == (expected, f"arn:aws:sqs:eu-central-1:{expected}:jobs")


def test_no_arn_for_an_alarm_on_a_foreign_metric_without_dimensions() -> None:
    """Where the metric is another account's and names nothing, no ARN pretends that the alarm lies there."""
    found = resolve(KEY, Metric(namespace="Shop", name="m"), (), {}, OTHER)
    assert (found.account, found.type, found.arn) == (OTHER, "alarm", None)


@pytest.mark.parametrize(
    ("queries", "kind", "owner"),
    [
        (
            (
                query(1, "AWS/EC2", InstanceId="i-1"),
                query(2, "AWS/EC2", InstanceId="i-1"),
                MetricQuery(id="e", expression="m1+m2"),
            ),
            "ec2:instance",
            "ec2-instance/i-1",
        ),
        (
            (query(1, "AWS/EC2", InstanceId="i-1"), query(2, "CWAgent", InstanceId="i-1", AutoScalingGroupName="web")),
            "ec2:instance",
            "autoscaling-group/web",
        ),
        (
            (
                query(1, "AWS/EC2", InstanceId="i-1", AutoScalingGroupName="web"),
                query(2, "AWS/EC2", InstanceId="i-2", AutoScalingGroupName="web"),
            ),
            "autoscaling:group",
            "autoscaling-group/web",
        ),
        (
            (
                query(1, "AWS/ApplicationELB", LoadBalancer=ALB, TargetGroup=GROUP),
                query(2, "AWS/ApplicationELB", LoadBalancer=ALB),
            ),
            "elb:load-balancer",
            f"elb-load-balancer/{ALB}",
        ),
        ((query(1, "AWS/SQS", QueueName="a"), query(2, "AWS/SQS", QueueName="b")), "alarm", "alarm/Checkout is slow"),
        (
            (query(1, "AWS/SQS", QueueName="a"), query(2, "AWS/SQS", account=OTHER, QueueName="a")),
            "alarm",
            "alarm/Checkout is slow",
        ),
        ((query(1, "AWS/SQS", QueueName="a"), query(2, "AWS/Events")), "sqs:queue", "sqs-queue/a"),
    ],
)
def test_math_alarms_are_about_what_their_metrics_share(
    queries: tuple[MetricQuery, ...], kind: str, owner: str
) -> None:
    """Metrics of one resource name it, of one owner the owner, and of strangers only the alarm itself."""
    found = resolve(KEY, None, queries, {}, "")
    assert (found.type, found.owner) == (kind, owner)


def test_the_shared_load_balancer_keeps_its_arn() -> None:
    """Where one of the metrics is the shared owner's own, the resource is that owner with its ARN."""
    queries = (
        query(1, "AWS/ApplicationELB", LoadBalancer=ALB, TargetGroup=GROUP),
        query(2, "AWS/ApplicationELB", LoadBalancer=ALB),
    )
    assert resolve(KEY, None, queries, {}, "").arn == f"arn:aws:elasticloadbalancing:{HERE}:loadbalancer/{ALB}"


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-iso-east-1", "aws-iso")],
)
def test_the_partition_follows_the_region(region: str, partition: str) -> None:
    """ARNs carry the partition of the alarm's region."""
    key = AlarmKey(account=ACCOUNT, region=region, name="a")
    assert of("AWS/SQS", {"QueueName": "q"}, key=key).arn == f"arn:{partition}:sqs:{region}:{ACCOUNT}:q"


@pytest.mark.parametrize(
    ("namespace", "dimensions"),
    [
        ("AWS/SQS", {"QueueName": "*"}),
        ("AWS/SQS", {"QueueName": "two words"}),
        ("AWS/ECS", {"ClusterName": "a/b", "ServiceName": "c"}),
        ("AWS/States", {"StateMachineArn": "arn:aws:states:*:*:stateMachine:*"}),
        ("AWS/States", {"StateMachineArn": MACHINE.replace(ACCOUNT, OTHER)}),
        ("AWS/SQS", {"QueueName": "q" * ARN_CHARACTERS}),
    ],
)
def test_no_arn_from_values_that_would_change_its_meaning(namespace: str, dimensions: dict[str, str]) -> None:
    """Wildcards, spaces, extra separators, overlong names and ARNs of other accounts never end in an ARN."""
    assert of(namespace, dimensions).arn is None


@pytest.mark.parametrize(
    ("account", "region"), [("", "eu-central-1"), ("1234", "eu-central-1"), (ACCOUNT, "Frankfurt")]
)
def test_no_arn_without_a_real_account_and_region(account: str, region: str) -> None:
    """An account or a region that is none makes no ARN."""
    key = AlarmKey(account=account, region=region, name="a")
    assert of("AWS/SQS", {"QueueName": "q"}, key=key).arn is None
    assert resolve(key, None, (), {}, "").arn is None


def test_long_names_are_bounded_and_stay_distinct() -> None:
    """Ids and owners have a bound, and two long names that differ at the end stay two."""
    first, second = (of("Shop", {"key": "x" * 5000 + end}) for end in "ab")
    assert len(first.id) == len(first.owner) == NAME_CHARACTERS
    assert first.id != second.id
    assert first.owner_key != second.owner_key


def test_dimension_sets_that_look_alike_stay_distinct() -> None:
    """Separators inside dimension values never make two dimension sets one."""
    assert of("Shop", {"a": "1,b=2"}).id != of("Shop", {"a": "1", "b": "2"}).id


def test_a_dimension_called_account_moves_nothing() -> None:
    """A custom dimension named `account` is not the account of the resource."""
    assert of("Shop", {"account": OTHER, "service": "cart"}).account == ACCOUNT


def test_empty_dimension_values_name_nothing() -> None:
    """A dimension without a value is as good as absent."""
    assert of("AWS/SQS", {"QueueName": ""}).type == "alarm"


def test_services_have_no_dash() -> None:
    """`service:kind` turns into the owner kind `service-kind` without two types meeting in one."""
    assert all("-" not in row.type.split(":")[0] for row in ROWS)
    assert len({row.type for row in ROWS}) == len({row.type.replace(":", "-") for row in ROWS})
