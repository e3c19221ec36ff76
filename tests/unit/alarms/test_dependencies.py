from triage import alarm_on, metric, over, resource

from autocloudops.alarms.changes.dependencies import MOST_AROUND, keys_of
from autocloudops.alarms.model import MetricQuery


def test_an_owner_is_found_by_its_key_and_its_bare_name() -> None:
    """What CI calls `orders-api` is the service `shop/orders-api`."""
    service = resource("ecs:service", "shop/orders-api")
    watched = metric("AWS/ECS", "CPUUtilization", {"ClusterName": "shop", "ServiceName": "orders-api"})
    keys = keys_of(service, [alarm_on(service, watched, over(80))])
    assert keys.own == ("ecs-service/shop/orders-api", "name/orders-api")
    assert "ecs-cluster/shop" in keys.around


def test_everything_that_the_dimensions_name_is_around() -> None:
    """An alarm on a target group of a load balancer depends on both, and one of several metrics on all of theirs."""
    balancer = resource("elb:load-balancer", "app/web/1")
    dimensions = {"TargetGroup": "targetgroup/orders/2", "LoadBalancer": "app/web/1"}
    table = MetricQuery(id="m2", metric=metric("AWS/DynamoDB", "ThrottledRequests", {"TableName": "orders"}))
    alarm = alarm_on(balancer, metric("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", dimensions), over(5))
    keys = keys_of(balancer, [alarm.model_copy(update={"queries": (table,)})])
    assert "elb-load-balancer/app/web/1" in keys.own
    assert {"elb-target-group/targetgroup/orders/2", "dynamodb-table/orders"} <= {*keys.around}


def test_tags_name_the_stack_and_the_group() -> None:
    """The stack and the Auto Scaling group that a message's tags name are around the alarm."""
    instance = resource("ec2:instance", "i-0abc1234def567890", "autoscaling-group/web")
    watched = metric("AWS/EC2", "CPUUtilization", {"InstanceId": "i-0abc1234def567890"})
    tags = {"aws:cloudformation:stack-name": "web-prod", "aws:autoscaling:groupName": "web"}
    keys = keys_of(instance, [alarm_on(instance, watched, over(80)).model_copy(update={"tags": tags})])
    assert keys.own == ("autoscaling-group/web", "ec2-instance/i-0abc1234def567890", "name/web")
    assert "cloudformation-stack/web-prod" in keys.around


def test_a_document_database_has_the_events_of_rds() -> None:
    """DocumentDB's changes arrive under the names of RDS."""
    cluster = resource("docdb:db-cluster", "carts")
    assert "rds-db-cluster/carts" in keys_of(cluster, []).own


def test_a_large_incident_asks_for_a_bounded_number_of_keys() -> None:
    """A hundred alarms on a hundred databases name ten of them."""
    names = [f"db-{number}" for number in range(100)]
    alarms = [
        alarm_on(
            resource("rds:db-instance", name),
            metric("AWS/RDS", "CPUUtilization", {"DBInstanceIdentifier": name}),
            over(1),
        )
        for name in names
    ]
    assert len(keys_of(resource("rds:db-instance", "db-0"), alarms).around) == MOST_AROUND
