"""EC2: instances, volumes, NAT gateways, and Auto Scaling groups."""

from autocloudops.knowledge.configurations.reading import Answer, Described, Describer, Limit, Many, Reading
from autocloudops.knowledge.configurations.words import counted, named, since, tagged, tags_of, term

_INSTANCES = "ec2:DescribeInstances"
_VOLUMES = "ec2:DescribeVolumes"
_NATS = "ec2:DescribeNatGateways"
_GROUPS = "autoscaling:DescribeAutoScalingGroups"
_GROUP = Many(_GROUPS, "AutoScalingGroupNames", "AutoScalingGroups", "AutoScalingGroupName", 50)
NAT_CONNECTIONS = 55_000


async def _instance(reading: Reading) -> Described:
    answer = await reading.ask(_INSTANCES, InstanceIds=[reading.resource.id])
    items = [item for group in answer.get("Reservations", ()) for item in group.get("Instances", ())]
    found = reading.only(items, _INSTANCES)
    tags = tags_of(found.get("Tags", ()))
    cpu = found.get("CpuOptions", {})
    cores = cpu.get("CoreCount", 0) * cpu.get("ThreadsPerCore", 1)
    reason = found.get("StateReason", {}).get("Message")
    return Described(
        lines=(
            f"instance: {term(found.get('InstanceType'))}{f', {cores} vCPU' if cores else ''}",
            f"state: {term(found.get('State', {}).get('Name'))}{f', because {named(reason)}' if reason else ''}",
            f"zone: {term(found.get('Placement', {}).get('AvailabilityZone'))}",
            f"launched: {since(found.get('LaunchTime'))}, from image {term(found.get('ImageId'))}",
            f"volumes: {len(found.get('BlockDeviceMappings', ()))}",
            f"market: {term(found['InstanceLifecycle'])}" if found.get("InstanceLifecycle") else "",
            tagged(tags),
        ),
        tags=tags,
    )


async def _volume(reading: Reading) -> Described:
    """Read an EBS volume: its IOPS bound reads and writes together."""
    answer = await reading.ask(_VOLUMES, VolumeIds=[reading.resource.id])
    found = reading.only(answer.get("Volumes", []), _VOLUMES)
    tags = tags_of(found.get("Tags", ()))
    iops, throughput = found.get("Iops"), found.get("Throughput")
    limit = Limit("IOPS", iops, "reads and writes together", per_second=True) if iops else None
    attached = [each.get("InstanceId") for each in found.get("Attachments", ())]
    return Described(
        lines=(
            f"volume: {term(found.get('VolumeType'))}, {found.get('Size')} GiB, {term(found.get('State'))}",
            f"throughput: {throughput} MiB/s" if throughput else "",
            f"attached to: {', '.join(map(term, attached)) or 'nothing'}",
            tagged(tags),
        ),
        limits={"VolumeReadOps": limit, "VolumeWriteOps": limit} if limit else {},
        tags=tags,
    )


async def _nat_gateway(reading: Reading) -> Described:
    """Read a NAT gateway: 55,000 connections for each address and destination.

    https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html
    """
    answer = await reading.ask(_NATS, NatGatewayIds=[reading.resource.id])
    found = reading.only(answer.get("NatGateways", []), _NATS)
    tags = tags_of(found.get("Tags", ()))
    addresses = len(found.get("NatGatewayAddresses", ()))
    failure = found.get("FailureMessage")
    return Described(
        lines=(
            f"NAT gateway: {term(found.get('ConnectivityType'))}, {term(found.get('State'))}, {addresses} addresses",
            f"failure: {named(failure)}" if failure else "",
            f"limit connections to one destination: {addresses * NAT_CONNECTIONS}" if addresses else "",
            tagged(tags),
        ),
        tags=tags,
    )


async def _group(reading: Reading) -> Described:
    found = await reading.one(_GROUP, reading.resource.id)
    tags = tags_of(found.get("Tags", ()))
    most = found.get("MaxSize", 0)
    limit = Limit("MaxSize", most)
    instances = found.get("Instances", ())
    return Described(
        lines=(
            (
                f"instances: {len(instances)} of {found.get('DesiredCapacity')} desired, "
                f"at least {found.get('MinSize')}, at most {most}{_full(found)}"
            ),
            f"life cycle: {counted(each.get('LifecycleState') for each in instances)}",
            (
                f"health: {counted(each.get('HealthStatus') for each in instances)}, "
                f"checked by {term(found.get('HealthCheckType'))}"
            ),
            f"zones: {', '.join(map(term, found.get('AvailabilityZones', ())))}",
            _suspended(found),
            tagged(tags),
        ),
        limits={"GroupDesiredCapacity": limit, "GroupInServiceInstances": limit, "GroupTotalInstances": limit},
        tags=tags,
    )


def _full(found: Answer) -> str:
    return ", cannot grow" if found.get("DesiredCapacity", 0) >= found.get("MaxSize", 0) else ""


def _suspended(found: Answer) -> str:
    processes = [term(each.get("ProcessName")) for each in found.get("SuspendedProcesses", ())]
    return f"suspended: {', '.join(processes)}" if processes else ""


DESCRIBERS = (
    Describer(("ec2:instance",), (_INSTANCES,), _instance),
    Describer(("ec2:volume",), (_VOLUMES,), _volume),
    Describer(("ec2:nat-gateway",), (_NATS,), _nat_gateway),
    Describer(("autoscaling:group",), (_GROUPS,), _group),
)
