"""One resource of every kind that AutoCloudOps describes, in an AWS emulator, with secrets where people put them."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any, cast

import boto3

from autocloudops.alarms.model import ResourceRef

REGION = "eu-west-1"
SECRET = "planted-5w0rdf1sh"
OWNER = "payments"
_ROLE = "arn:aws:iam::{account}:role/resources"


class Maker:
    """Makes resources through one emulator's API.

    Args:
        url: of the emulator.
        account: that it plays.
    """

    def __init__(self, url: str, account: str) -> None:
        self._url = url
        self._account = account

    def client(self, service: str) -> Any:  # noqa: ANN401 - clients of services without stubs
        return cast(
            "Any",
            boto3.client(
                service,
                endpoint_url=self._url,
                region_name=REGION,
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
            ),
        )

    def ref(self, type_: str, id_: str, arn: str | None = None) -> ResourceRef:
        owner = f"{type_.replace(':', '-')}/{id_}"
        return ResourceRef(type=type_, id=id_, account=self._account, region=REGION, owner=owner, arn=arn)

    def everything(self) -> Mapping[str, ResourceRef]:
        """Make one resource of each kind, and return them by their type."""
        made = (
            *self._instances(),
            *self._network(),
            *self._containers(),
            *self._code(),
            *self._databases(),
            *self._stores(),
            *self._messaging(),
            *self._edge(),
        )
        return {each.type: each for each in made}

    def _instances(self) -> list[ResourceRef]:
        ec2, scaling = self.client("ec2"), self.client("autoscaling")
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Owner", "Value": OWNER}]}]
        instance = ec2.run_instances(
            ImageId="ami-12345678",
            MinCount=1,
            MaxCount=1,
            InstanceType="t3.micro",
            UserData=SECRET,
            TagSpecifications=tags,
        )["Instances"][0]["InstanceId"]
        volume = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=10, VolumeType="gp3")["VolumeId"]
        scaling.create_launch_configuration(
            LaunchConfigurationName="web", ImageId="ami-12345678", InstanceType="t3.micro", UserData=SECRET
        )
        scaling.create_auto_scaling_group(
            AutoScalingGroupName="web",
            LaunchConfigurationName="web",
            MinSize=1,
            MaxSize=2,
            DesiredCapacity=2,
            AvailabilityZones=["eu-west-1a"],
            Tags=[{"Key": "service", "Value": "web"}],
        )
        return [
            self.ref("ec2:instance", instance),
            self.ref("ec2:volume", volume),
            self.ref("autoscaling:group", "web"),
        ]

    def _network(self) -> list[ResourceRef]:
        ec2, balancers = self.client("ec2"), self.client("elbv2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"eu-west-1{zone}")["Subnet"]
            for number, zone in enumerate("ab", 1)
        ]
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = ec2.create_nat_gateway(SubnetId=subnets[0]["SubnetId"], AllocationId=address)["NatGateway"]
        group = balancers.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]
        balancers.register_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": "i-0123456789abcdef0"}])
        balancer = balancers.create_load_balancer(Name="shop", Subnets=[each["SubnetId"] for each in subnets])
        balancer_arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
        return [
            self.ref("ec2:nat-gateway", nat["NatGatewayId"]),
            self.ref("elb:target-group", group["TargetGroupArn"].split(":", 5)[5]),
            self.ref("elb:load-balancer", balancer_arn.split("loadbalancer/")[1]),
        ]

    def _containers(self) -> list[ResourceRef]:
        ecs, eks = self.client("ecs"), self.client("eks")
        container = {
            "name": "app",
            "image": "registry.example/orders:1.2",
            "memory": 512,
            "environment": [{"name": "DB", "value": SECRET}],
            "command": ["run", SECRET],
        }
        ecs.create_cluster(clusterName="shop")
        ecs.register_task_definition(family="sized-orders", cpu="256", memory="512", containerDefinitions=[container])
        ecs.create_service(
            cluster="shop",
            serviceName="orders",
            taskDefinition="sized-orders",
            desiredCount=2,
            tags=[{"key": "owner", "value": OWNER}],
        )
        role = _ROLE.format(account=self._account)
        eks.create_cluster(name="blue", roleArn=role, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
        eks.create_nodegroup(
            clusterName="blue",
            nodegroupName="general",
            subnets=["subnet-1"],
            nodeRole=role,
            scalingConfig={"minSize": 1, "maxSize": 2, "desiredSize": 2},
        )
        return [
            self.ref("ecs:service", "shop/orders"),
            self.ref("ecs:cluster", "shop"),
            self.ref("eks:pod", "blue/default/web-1"),
        ]

    def _code(self) -> list[ResourceRef]:
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("app.py", "def handler(event, context): pass")
        role = self.client("iam").create_role(RoleName="resources", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        functions = self.client("lambda")
        functions.create_function(
            FunctionName="orders",
            Runtime="python3.12",
            Role=role,
            Handler="app.handler",
            Code={"ZipFile": code.getvalue()},
            Environment={"Variables": {"DB": SECRET}},
            Timeout=3,
        )
        functions.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=5)
        definition = {"StartAt": "a", "States": {"a": {"Type": "Pass", "Result": SECRET, "End": True}}}
        machine = self.client("stepfunctions").create_state_machine(
            name="orders", definition=json.dumps(definition), roleArn=role
        )["stateMachineArn"]
        return [self.ref("lambda:function", "orders"), self.ref("states:state-machine", "orders", machine)]

    def _databases(self) -> list[ResourceRef]:
        rds = self.client("rds")
        rds.create_db_parameter_group(
            DBParameterGroupName="orders-own", DBParameterGroupFamily="postgres16", Description="larger pool"
        )
        setting = {"ParameterName": "max_connections", "ParameterValue": "820", "ApplyMethod": "immediate"}
        rds.modify_db_parameter_group(DBParameterGroupName="orders-own", Parameters=[setting])
        master = {"MasterUsername": "master", "MasterUserPassword": SECRET}
        rds.create_db_instance(
            DBInstanceIdentifier="orders-db",
            DBInstanceClass="db.r6g.large",
            Engine="postgres",
            AllocatedStorage=100,
            DBParameterGroupName="orders-own",
            Tags=[{"Key": "owner", "Value": OWNER}],
            **master,
        )
        rds.create_db_cluster(DBClusterIdentifier="carts", Engine="aurora-mysql", **master)
        rds.create_db_instance(
            DBInstanceIdentifier="carts-1",
            DBInstanceClass="db.r5.large",
            Engine="aurora-mysql",
            DBClusterIdentifier="carts",
        )
        return [self.ref("rds:db-instance", "orders-db"), self.ref("rds:db-cluster", "carts")]

    def _stores(self) -> list[ResourceRef]:
        throughput = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
        self.client("dynamodb").create_table(
            TableName="orders",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "day")],
            ProvisionedThroughput=throughput,
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-day",
                    "KeySchema": [{"AttributeName": "day", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                    "ProvisionedThroughput": {"ReadCapacityUnits": 7, "WriteCapacityUnits": 8},
                }
            ],
        )
        caches = self.client("elasticache")
        caches.create_cache_cluster(
            CacheClusterId="carts", CacheNodeType="cache.t3.micro", Engine="redis", NumCacheNodes=1
        )
        caches.create_replication_group(
            ReplicationGroupId="sessions",
            ReplicationGroupDescription="sessions",
            Engine="redis",
            CacheNodeType="cache.t3.micro",
            NumNodeGroups=1,
            ReplicasPerNodeGroup=1,
        )
        self.client("opensearch").create_domain(
            DomainName="search",
            EngineVersion="OpenSearch_2.11",
            ClusterConfig={"InstanceType": "r6g.large.search", "InstanceCount": 2},
            EBSOptions={"EBSEnabled": True, "VolumeType": "gp3", "VolumeSize": 100},
        )
        return [
            self.ref("dynamodb:index", "orders/by-day"),
            self.ref("elasticache:cluster", "carts"),
            self.ref("elasticache:replication-group", "sessions"),
            self.ref("opensearch:domain", "search"),
        ]

    def _messaging(self) -> list[ResourceRef]:
        queues = self.client("sqs")
        dead = queues.create_queue(QueueName="described-dead")["QueueUrl"]
        arn = queues.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
        queues.create_queue(QueueName="described", Attributes={"RedrivePolicy": redrive})
        topic = self.client("sns").create_topic(Name="described")["TopicArn"]
        self.client("kinesis").create_stream(StreamName="clicks", ShardCount=2)
        return [
            self.ref("sqs:queue", "described"),
            self.ref("sns:topic", "described", topic),
            self.ref("kinesis:shard", "clicks/shardId-000000000000"),
        ]

    def _edge(self) -> list[ResourceRef]:
        apis = self.client("apigateway")
        api = apis.create_rest_api(name="Orders API")["id"]
        root = apis.get_resources(restApiId=api)["items"][0]["id"]
        apis.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
        apis.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
        apis.create_deployment(restApiId=api, stageName="prod", variables={"db": SECRET})
        rate = {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "50"}
        apis.update_stage(restApiId=api, stageName="prod", patchOperations=[rate])
        routed = self.client("apigatewayv2")
        http = routed.create_api(Name="Orders HTTP", ProtocolType="HTTP")["ApiId"]
        throttled = {"ThrottlingRateLimit": 40.0, "ThrottlingBurstLimit": 80}
        routed.create_stage(ApiId=http, StageName="live", DefaultRouteSettings=throttled, StageVariables={"db": SECRET})
        origin = {
            "Id": "shop",
            "DomainName": "shop.s3.amazonaws.com",
            "CustomHeaders": {"Quantity": 1, "Items": [{"HeaderName": "X-Origin", "HeaderValue": SECRET}]},
            "S3OriginConfig": {"OriginAccessIdentity": ""},
        }
        forwarded = {"QueryString": False, "Cookies": {"Forward": "none"}}
        distribution = self.client("cloudfront").create_distribution(
            DistributionConfig={
                "CallerReference": "described",
                "Comment": SECRET,
                "Enabled": True,
                "Origins": {"Quantity": 1, "Items": [origin]},
                "DefaultCacheBehavior": {
                    "TargetOriginId": "shop",
                    "ViewerProtocolPolicy": "allow-all",
                    "MinTTL": 0,
                    "ForwardedValues": forwarded,
                },
            }
        )["Distribution"]["Id"]
        files = self.client("efs").create_file_system(
            CreationToken="described", Tags=[{"Key": "owner", "Value": OWNER}]
        )
        return [
            self.ref("apigateway:rest-stage", "Orders API/prod"),
            self.ref("apigateway:stage", f"{http}/live"),
            self.ref("cloudfront:distribution", distribution),
            self.ref("efs:file-system", files["FileSystemId"]),
        ]
