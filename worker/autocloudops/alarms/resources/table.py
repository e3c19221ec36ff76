"""The table of resources: which dimensions of which namespace name what, and who is paged for it.

A new resource is one row. Rows of a namespace are tried in the order in which they stand, the most specific first, and
then those of `ANY`; a namespace that has no row and is not AWS's own tries those of `ANY` and of `CUSTOM`. Dimension
names are those of the services' CloudWatch metric pages, ARN forms those of the Service Authorization Reference.

Owners. A person is paged for the service, group, cluster, database or load balancer, not for a part of it, so that a
row may name owners: the first whose names are all known is taken. Names that begin with `aws:` are tags of the message.
Only two families are read: `aws:autoscaling:groupName` and `aws:ecs:*`, which AWS itself puts on what a group or a
service launched. `aws:cloudformation:stack-name` is no owner (one monitoring stack often holds every alarm of an
account), nor are team tags: a team owns many things that fail for different reasons.
"""

from typing import NamedTuple

ANY = "*"
CUSTOM = "!AWS/*"


class Owner(NamedTuple):
    """Who is paged: a resource type and the names that make its id."""

    type: str
    names: tuple[str, ...]


class Row(NamedTuple):
    """One kind of resource.

    Args:
        type: `service:kind`.
        namespaces: the CloudWatch namespaces in which `names` mean this resource.
        names: dimensions that must be there; their values, joined with `/`, are the id. `account`, where no dimension
            is called so, is the account of the metric. A single name that ends in `Arn` holds the ARN.
        arn: the ARN's form. Fields: partition, region, account, id, lower (the id in lower case), and `0`, `1`, … for
            the values of `names`. Empty where the dimensions do not suffice.
        owners: who is paged instead of the resource itself, best first.
        shape: a pattern that the value of the last name must match in full, for names that mean several things.
    """

    type: str
    namespaces: tuple[str, ...]
    names: tuple[str, ...]
    arn: str = ""
    owners: tuple[Owner, ...] = ()
    shape: str = ""


def _arn(service: str, resource: str) -> str:
    return f"arn:{{partition}}:{service}:{{region}}:{{account}}:{resource}"


_INSTANCE_ARN = _arn("ec2", "instance/{id}")
_FUNCTION_ARN = _arn("lambda", "function:{id}")
_LOAD_BALANCER_ARN = _arn("elasticloadbalancing", "loadbalancer/{id}")
_CLUSTER_ARN = _arn("rds", "cluster:{id}")
_DATABASE_ARN = _arn("rds", "db:{id}")
_BUCKET_ARN = "arn:{partition}:s3:::{id}"

_INSTANCE = Owner("ec2:instance", ("InstanceId",))
_ASG = (
    Owner("autoscaling:group", ("AutoScalingGroupName",)),
    Owner("autoscaling:group", ("aws:autoscaling:groupName",)),
)
_ECS_TAGS = Owner("ecs:service", ("aws:ecs:clusterName", "aws:ecs:serviceName"))
_ECS_SERVICE = (Owner("ecs:service", ("ClusterName", "ServiceName")), _ECS_TAGS)
_ECS_CLUSTER = (Owner("ecs:cluster", ("ClusterName",)),)
_EKS_SERVICE = (Owner("eks:service", ("ClusterName", "Namespace", "Service")),)
_EKS_CLUSTER = (Owner("eks:cluster", ("ClusterName",)),)
_LOAD_BALANCER = (Owner("elb:load-balancer", ("LoadBalancer",)),)
_FUNCTION = (Owner("lambda:function", ("FunctionName",)),)
_TABLE = (Owner("dynamodb:table", ("TableName",)),)
_STREAM = (Owner("kinesis:stream", ("StreamName",)),)
_REST_API = (Owner("apigateway:rest-api", ("ApiName",)),)
_API = (Owner("apigateway:api", ("ApiId",)),)
_REPLICATION_GROUP = (Owner("elasticache:replication-group", ("ReplicationGroupId",)),)
_ENDPOINT = (Owner("sagemaker:endpoint", ("EndpointName",)),)
_DISTRIBUTION = (Owner("cloudfront:distribution", ("DistributionId",)),)
_ACCOUNT = (Owner("billing:account", ("account",)),)

_ECS = ("ECS/ContainerInsights", "ECS/ContainerInsights/Prometheus")
_EKS = ("ContainerInsights", "ContainerInsights/Prometheus")
_ELB = ("AWS/ApplicationELB", "AWS/NetworkELB", "AWS/GatewayELB")
_SAGEMAKER = ("AWS/SageMaker", "/aws/sagemaker/Endpoints", "/aws/sagemaker/InferenceComponents")
_CLOUDFRONT = ("AWS/CloudFront",)
_API_GATEWAY = ("AWS/ApiGateway",)

ROWS: tuple[Row, ...] = (
    # ECS
    Row("ecs:task", _ECS, ("ClusterName", "TaskId"), _arn("ecs", "task/{id}"), _ECS_SERVICE),
    Row("ec2:instance", _ECS, ("InstanceId",), _INSTANCE_ARN, _ECS_CLUSTER),
    Row("ecs:service", ("AWS/ECS", *_ECS, ANY), ("ClusterName", "ServiceName"), _arn("ecs", "service/{id}")),
    Row("ecs:task-family", _ECS, ("ClusterName", "TaskDefinitionFamily"), "", (_ECS_TAGS,)),
    Row(
        "ecs:capacity-provider",
        ("AWS/ECS/ManagedScaling",),
        ("ClusterName", "CapacityProviderName"),
        _arn("ecs", "capacity-provider/{1}"),
        _ECS_CLUSTER,
    ),
    Row("ecs:cluster", ("AWS/ECS", *_ECS), ("ClusterName",), _arn("ecs", "cluster/{id}")),
    # Kubernetes: Container Insights also watches clusters outside EKS, so that a cluster's name proves no ARN there.
    Row("eks:pod", _EKS, ("ClusterName", "Namespace", "PodName"), "", _EKS_SERVICE),
    Row("eks:service", _EKS, ("ClusterName", "Namespace", "Service")),
    Row("eks:namespace", _EKS, ("ClusterName", "Namespace")),
    Row("ec2:instance", _EKS, ("InstanceId",), _INSTANCE_ARN, _EKS_CLUSTER, r"i-.+"),
    Row("eks:node", _EKS, ("ClusterName", "NodeName"), "", _EKS_CLUSTER),
    Row("eks:cluster", _EKS, ("ClusterName",)),
    Row("eks:cluster", ("AWS/EKS",), ("ClusterName",), _arn("eks", "cluster/{id}")),
    # EBS, EC2 and what the CloudWatch agent measures there; the agent's `path` stays in the alarm's dimensions.
    Row("ec2:volume", ("AWS/EBS", ANY), ("VolumeId",), _arn("ec2", "volume/{id}"), (*_ASG, _INSTANCE), r"vol-.+"),
    Row("ec2:instance", ("AWS/EC2", "CWAgent", ANY), ("InstanceId",), _INSTANCE_ARN, _ASG, r"i-.+"),
    Row("ssm:managed-node", ("CWAgent", ANY), ("InstanceId",), _arn("ssm", "managed-instance/{id}"), (), r"mi-.+"),
    Row("autoscaling:group", ("AWS/EC2", "AWS/AutoScaling", "CWAgent", ANY), ("AutoScalingGroupName",)),
    Row("cwagent:host", ("CWAgent",), ("host",)),
    Row("ec2:nat-gateway", ("AWS/NATGateway", ANY), ("NatGatewayId",), _arn("ec2", "natgateway/{id}")),
    Row("ec2:transit-gateway", ("AWS/TransitGateway",), ("TransitGateway",), _arn("ec2", "transit-gateway/{id}")),
    Row("ec2:vpn-connection", ("AWS/VPN",), ("VpnId",), _arn("ec2", "vpn-connection/{id}")),
    Row("ec2:vpn-tunnel", ("AWS/VPN",), ("TunnelIpAddress",)),
    Row("ec2:vpc-endpoint", ("AWS/PrivateLinkEndpoints",), ("VPC Endpoint Id",), _arn("ec2", "vpc-endpoint/{id}")),
    Row(
        "ec2:vpc-endpoint-service",
        ("AWS/PrivateLinkServices",),
        ("Service Id",),
        _arn("ec2", "vpc-endpoint-service/{id}"),
    ),
    # Lambda
    Row("lambda:version", ("AWS/Lambda",), ("Resource",), _FUNCTION_ARN, _FUNCTION, r"[^:]+:\d+"),
    Row("lambda:alias", ("AWS/Lambda",), ("Resource",), _FUNCTION_ARN, _FUNCTION, r"[^:]+:[^:]+"),
    Row(
        "cloudfront:function",
        _CLOUDFRONT,
        ("FunctionName",),
        "arn:{partition}:cloudfront::{account}:function/{id}",
        _DISTRIBUTION,
    ),
    Row("lambda:function", ("AWS/Lambda", ANY), ("FunctionName",), _FUNCTION_ARN),
    Row("lambda:function", ("LambdaInsights", ANY), ("function_name",), _FUNCTION_ARN),
    Row("lambda:event-source-mapping", ("AWS/Lambda",), ("EventSourceMappingUUID",)),
    # Databases. An Aurora alarm on `Role` is about the cluster: which instance plays the role changes at a failover.
    Row(
        "rds:db-instance",
        ("AWS/RDS", ANY),
        ("DBInstanceIdentifier",),
        _DATABASE_ARN,
        (Owner("rds:db-cluster", ("DBClusterIdentifier",)),),
    ),
    Row("rds:db-cluster", ("AWS/RDS", ANY), ("DBClusterIdentifier",), _CLUSTER_ARN),
    Row("rds:db-proxy", ("AWS/RDS",), ("ProxyName",)),
    Row(
        "docdb:db-instance",
        ("AWS/DocDB",),
        ("DBInstanceIdentifier",),
        _DATABASE_ARN,
        (Owner("docdb:db-cluster", ("DBClusterIdentifier",)),),
    ),
    Row("docdb:db-cluster", ("AWS/DocDB",), ("DBClusterIdentifier",), _CLUSTER_ARN),
    Row(
        "neptune:db-instance",
        ("AWS/Neptune",),
        ("DBInstanceIdentifier",),
        _DATABASE_ARN,
        (Owner("neptune:db-cluster", ("DBClusterIdentifier",)),),
    ),
    Row("neptune:db-cluster", ("AWS/Neptune",), ("DBClusterIdentifier",), _CLUSTER_ARN),
    Row(
        "dynamodb:index",
        ("AWS/DynamoDB",),
        ("TableName", "GlobalSecondaryIndexName"),
        _arn("dynamodb", "table/{0}/index/{1}"),
        _TABLE,
    ),
    Row("dynamodb:table", ("AWS/DynamoDB", ANY), ("TableName",), _arn("dynamodb", "table/{id}")),
    Row(
        "elasticache:cluster",
        ("AWS/ElastiCache", ANY),
        ("CacheClusterId",),
        _arn("elasticache", "cluster:{id}"),
        _REPLICATION_GROUP,
    ),
    Row(
        "elasticache:replication-group",
        ("AWS/ElastiCache", ANY),
        ("ReplicationGroupId",),
        _arn("elasticache", "replicationgroup:{id}"),
    ),
    Row(
        "elasticache:serverless-cache",
        ("AWS/ElastiCache",),
        ("clusterId",),
        _arn("elasticache", "serverlesscache:{id}"),
    ),
    Row("memorydb:cluster", ("AWS/MemoryDB",), ("ClusterName",), _arn("memorydb", "cluster/{id}")),
    Row("redshift:cluster", ("AWS/Redshift",), ("ClusterIdentifier",), _arn("redshift", "cluster:{id}")),
    Row("opensearch:domain", ("AWS/ES",), ("DomainName",), _arn("es", "domain/{id}")),
    Row("opensearch:collection", ("AWS/AOSS",), ("CollectionId",), _arn("aoss", "collection/{id}")),
    # Load balancers: the id of a target group starts with `targetgroup/`, as the dimension has it.
    Row(
        "elb:target-group",
        (*_ELB, ANY),
        ("TargetGroup",),
        _arn("elasticloadbalancing", "{id}"),
        _LOAD_BALANCER,
        r"targetgroup/.+",
    ),
    Row("elb:load-balancer", (*_ELB, ANY), ("LoadBalancer",), _LOAD_BALANCER_ARN, (), r"(app|net|gwy)/.+"),
    Row("elb:classic-load-balancer", ("AWS/ELB",), ("LoadBalancerName",), _LOAD_BALANCER_ARN),
    # Queues, topics, streams, workflows
    Row("sqs:queue", ("AWS/SQS", ANY), ("QueueName",), _arn("sqs", "{id}")),
    Row("sns:topic", ("AWS/SNS", ANY), ("TopicName",), _arn("sns", "{id}")),
    Row("kinesis:consumer", ("AWS/Kinesis",), ("StreamName", "ConsumerName"), "", _STREAM),
    Row("kinesis:shard", ("AWS/Kinesis",), ("StreamName", "ShardId"), "", _STREAM),
    Row("kinesis:stream", ("AWS/Kinesis",), ("StreamName",), _arn("kinesis", "stream/{id}")),
    Row(
        "firehose:delivery-stream",
        ("AWS/Firehose", ANY),
        ("DeliveryStreamName",),
        _arn("firehose", "deliverystream/{id}"),
    ),
    Row("states:state-machine", ("AWS/States", ANY), ("StateMachineArn",), _arn("states", "stateMachine:{id}")),
    Row("states:activity", ("AWS/States",), ("ActivityArn",), _arn("states", "activity:{id}")),
    Row("lambda:function", ("AWS/States",), ("LambdaFunctionArn",), _FUNCTION_ARN),
    Row("events:rule", ("AWS/Events",), ("EventBusName", "RuleName")),
    Row("events:rule", ("AWS/Events",), ("RuleName",), _arn("events", "rule/{id}")),
    Row("scheduler:schedule-group", ("AWS/Scheduler",), ("ScheduleGroup",), _arn("scheduler", "schedule-group/{id}")),
    Row("kafka:cluster", ("AWS/Kafka",), ("Cluster Name",)),
    Row("mq:broker", ("AWS/AmazonMQ",), ("Broker",)),
    # APIs, the edge, storage
    Row("apigateway:rest-stage", _API_GATEWAY, ("ApiName", "Stage"), "", _REST_API),
    Row("apigateway:rest-api", _API_GATEWAY, ("ApiName",)),
    Row(
        "apigateway:stage",
        _API_GATEWAY,
        ("ApiId", "Stage"),
        "arn:{partition}:apigateway:{region}::/apis/{0}/stages/{1}",
        _API,
    ),
    Row("apigateway:api", _API_GATEWAY, ("ApiId",), "arn:{partition}:apigateway:{region}::/apis/{id}"),
    Row("appsync:api", ("AWS/AppSync",), ("GraphQLAPIId",), _arn("appsync", "apis/{id}")),
    Row(
        "cloudfront:distribution",
        _CLOUDFRONT,
        ("DistributionId",),
        "arn:{partition}:cloudfront::{account}:distribution/{id}",
    ),
    Row("route53:health-check", ("AWS/Route53",), ("HealthCheckId",), "arn:{partition}:route53:::healthcheck/{id}"),
    Row("route53:hosted-zone", ("AWS/Route53",), ("HostedZoneId",), "arn:{partition}:route53:::hostedzone/{id}"),
    Row("s3:bucket", ("AWS/S3", ANY), ("BucketName",), _BUCKET_ARN),
    Row("s3:bucket", ("AWS/S3",), ("SourceBucket",), _BUCKET_ARN),
    Row(
        "s3:object-lambda-access-point",
        ("AWS/S3ObjectLambda",),
        ("AccessPointName",),
        _arn("s3-object-lambda", "accesspoint/{id}"),
    ),
    Row("efs:file-system", ("AWS/EFS",), ("FileSystemId",), _arn("elasticfilesystem", "file-system/{id}")),
    Row("fsx:file-system", ("AWS/FSx",), ("FileSystemId",), _arn("fsx", "file-system/{id}")),
    # The rest
    Row(
        "sagemaker:inference-component",
        _SAGEMAKER,
        ("InferenceComponentName",),
        _arn("sagemaker", "inference-component/{lower}"),
        _ENDPOINT,
    ),
    Row("sagemaker:endpoint", _SAGEMAKER, ("EndpointName",), _arn("sagemaker", "endpoint/{lower}")),
    Row("cognito:user-pool", ("AWS/Cognito",), ("UserPool",), _arn("cognito-idp", "userpool/{id}")),
    Row("acm:certificate", ("AWS/CertificateManager",), ("CertificateArn",), _arn("acm", "certificate/{id}")),
    Row("elasticbeanstalk:environment", ("AWS/ElasticBeanstalk",), ("EnvironmentName",)),
    Row("synthetics:canary", ("CloudWatchSynthetics",), ("CanaryName",), _arn("synthetics", "canary:{id}")),
    Row("codebuild:project", ("AWS/CodeBuild",), ("ProjectName",), _arn("codebuild", "project/{id}")),
    Row("glue:job", ("Glue", "AWS/Glue"), ("JobName",), _arn("glue", "job/{id}")),
    Row("billing:service", ("AWS/Billing",), ("ServiceName",), "", _ACCOUNT),
    Row("billing:account", ("AWS/Billing",), ("LinkedAccount",)),
    Row("billing:account", ("AWS/Billing",), ("account",)),
    Row("usage:quota", ("AWS/Usage",), ("Service", "Resource")),
    Row("usage:service", ("AWS/Usage",), ("Service",)),
    Row("logs:log-group", ("AWS/Logs", ANY), ("LogGroupName",), _arn("logs", "log-group:{id}")),
    Row("app:service", (CUSTOM,), ("ServiceName",)),
    Row("app:service", (CUSTOM,), ("Service",)),
    Row("app:service", (CUSTOM,), ("service",)),
)
