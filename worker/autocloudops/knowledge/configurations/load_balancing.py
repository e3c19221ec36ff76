"""Load balancers and target groups."""

from autocloudops.knowledge.configurations.reading import Answer, Described, Describer, Limit, Reading
from autocloudops.knowledge.configurations.words import counted, listed, since, term

_BALANCERS = "elasticloadbalancing:DescribeLoadBalancers"
_GROUPS = "elasticloadbalancing:DescribeTargetGroups"
_HEALTH = "elasticloadbalancing:DescribeTargetHealth"


async def _target_group(reading: Reading) -> Described:
    """Read a target group by its name, the second part of `targetgroup/name/hash`."""
    groups = await reading.ask(_GROUPS, Names=[reading.names[1]])
    found = reading.only(groups.get("TargetGroups", []), _GROUPS)
    health = await reading.also(_HEALTH, TargetGroupArn=found["TargetGroupArn"])
    targets = [each.get("TargetHealth", {}) for each in health.get("TargetHealthDescriptions", ())]
    states = [str(each.get("State")) for each in targets]
    reasons = [each.get("Reason") for each in targets if each.get("Reason")]
    registered = Limit("registered targets", len(targets))
    return Described(
        lines=(
            f"targets: {len(targets)} registered, {counted(states)}" if not reading.unread else "",
            f"not healthy because: {counted(reasons)}" if reasons else "",
            _check(found),
            f"targets are: {term(found.get('TargetType'))}, {term(found.get('Protocol'))} port {found.get('Port')}",
            f"load balancers: {len(found.get('LoadBalancerArns', ()))}",
        ),
        limits={"HealthyHostCount": registered, "UnHealthyHostCount": registered} if targets else {},
        unread=tuple(reading.unread),
    )


def _check(found: Answer) -> str:
    every, timeout = found.get("HealthCheckIntervalSeconds"), found.get("HealthCheckTimeoutSeconds")
    failures = f"unhealthy after {found.get('UnhealthyThresholdCount')} failures"
    return f"health check: {term(found.get('HealthCheckProtocol'))}, every {every} s, timeout {timeout} s, {failures}"


async def _load_balancer(reading: Reading) -> Described:
    """Read a load balancer by its name, the second part of `app/name/hash`."""
    answer = await reading.ask(_BALANCERS, Names=[reading.names[1]])
    found = reading.only(answer.get("LoadBalancers", []), _BALANCERS)
    state = found.get("State", {})
    zones = [each.get("ZoneName") for each in found.get("AvailabilityZones", ())]
    return Described(
        lines=(
            f"load balancer: {term(found.get('Type'))}, {term(found.get('Scheme'))}, {term(state.get('Code'))}",
            f"state reason: {listed([state['Reason']])}" if state.get("Reason") else "",
            f"zones: {', '.join(map(term, zones))}",
            f"made: {since(found.get('CreatedTime'))}",
        )
    )


DESCRIBERS = (
    Describer(("elb:target-group",), (_GROUPS, _HEALTH), _target_group),
    Describer(("elb:load-balancer",), (_BALANCERS,), _load_balancer),
)
