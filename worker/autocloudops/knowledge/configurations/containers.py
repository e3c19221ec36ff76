"""ECS services and clusters, EKS clusters with their node groups."""

import asyncio
from collections.abc import Iterable

from autocloudops.knowledge.configurations.reading import Answer, Described, Describer, Limit, Many, Reading
from autocloudops.knowledge.configurations.words import listed, named, since, tagged, tags_of, term

_SERVICES = "ecs:DescribeServices"
_SERVICE = Many(_SERVICES, "services", "services", "serviceName", 10)
_TASK_DEFINITION = "ecs:DescribeTaskDefinition"
_CLUSTERS = "ecs:DescribeClusters"
_EKS_CLUSTER = "eks:DescribeCluster"
_NODEGROUPS = "eks:ListNodegroups"
_NODEGROUP = "eks:DescribeNodegroup"
READ_NODEGROUPS = 3
SHOWN_CONTAINERS = 3
SHOWN_DEPLOYMENTS = 3


async def _service(reading: Reading) -> Described:
    cluster, name = reading.names[0], reading.names[-1]
    found = await reading.one(_SERVICE, name, cluster=cluster, include=["TAGS"])
    definition = found.get("taskDefinition", "")
    task = await reading.also(_TASK_DEFINITION, taskDefinition=definition) if definition else {}
    tags = tags_of(found.get("tags", ()))
    limit = Limit("desired tasks", found.get("desiredCount", 0))
    return Described(
        lines=(
            (
                f"tasks: {found.get('runningCount')} running, {found.get('pendingCount')} pending, "
                f"{found.get('desiredCount')} desired; service {term(found.get('status'))}"
            ),
            *_task(definition, task.get("taskDefinition", {})),
            *_deployments(found.get("deployments", [])),
            *_events(found.get("events", [])),
            f"launched on: {term(found['launchType'])}" if found.get("launchType") else "",
            tagged(tags),
        ),
        limits={"RunningTaskCount": limit} if limit.value else {},
        tags=tags,
        unread=tuple(reading.unread),
    )


def _task(arn: str, found: Answer) -> Iterable[str]:
    yield f"task definition: {named(arn.rpartition('/')[2])}"
    if found.get("cpu") or found.get("memory"):
        yield f"task size: {term(found.get('cpu'))} CPU units (1024 are a vCPU), {term(found.get('memory'))} MiB"
    for container in found.get("containerDefinitions", [])[:SHOWN_CONTAINERS]:
        memory = container.get("memory") or container.get("memoryReservation")
        bound = f", {memory} MiB" if memory else ""
        image = str(container.get("image", "")).rpartition("/")[2]
        yield f"container: {named(container.get('name'))}, image {named(image)}{bound}"


def _deployments(found: list[Answer]) -> Iterable[str]:
    yield f"deployments: {len(found)}{'' if len(found) < 2 else ', one is under way'}"  # noqa: PLR2004 - a second one
    for each in found[:SHOWN_DEPLOYMENTS]:
        state = f" {term(each['rolloutState'])}" if each.get("rolloutState") else ""
        failed = f", {each['failedTasks']} tasks failed" if each.get("failedTasks") else ""
        yield (
            f"deployment: {term(each.get('status'))}{state} since {since(each.get('createdAt'))}, "
            f"{each.get('runningCount')} of {each.get('desiredCount')} running{failed}"
        )


def _events(found: list[Answer]) -> Iterable[str]:
    if found:
        last = found[0]
        yield f"service events: {len(found)}, the last {since(last.get('createdAt'))}: {named(last.get('message'))}"


async def _cluster(reading: Reading) -> Described:
    answer = await reading.ask(_CLUSTERS, clusters=[reading.resource.id], include=["TAGS"])
    found = reading.only(answer.get("clusters", []), _CLUSTERS)
    tags = tags_of(found.get("tags", ()))
    return Described(
        lines=(
            f"cluster: {term(found.get('status'))}, {found.get('activeServicesCount')} services",
            f"tasks: {found.get('runningTasksCount')} running, {found.get('pendingTasksCount')} pending",
            f"container instances: {found.get('registeredContainerInstancesCount')}",
            f"capacity providers: {listed(found.get('capacityProviders', ())) or 'none'}",
            tagged(tags),
        ),
        tags=tags,
    )


async def _eks(reading: Reading) -> Described:
    """Read the cluster that a pod, service, namespace or node is in, and its first node groups."""
    name = reading.names[0]
    cluster, groups = await asyncio.gather(
        reading.ask(_EKS_CLUSTER, name=name), reading.also(_NODEGROUPS, clusterName=name)
    )
    names = groups.get("nodegroups", [])
    read = await asyncio.gather(
        *(reading.also(_NODEGROUP, clusterName=name, nodegroupName=each) for each in names[:READ_NODEGROUPS])
    )
    found = cluster.get("cluster", {})
    tags = tags_of(found.get("tags", {}))
    return Described(
        lines=(
            f"cluster: Kubernetes {term(found.get('version'))}, {term(found.get('status'))}",
            *_health(found.get("health", {})),
            f"node groups: {len(names)}",
            *(line for each in read if each for line in _nodegroup(each.get("nodegroup", {}))),
            tagged(tags),
        ),
        tags=tags,
        unread=tuple(reading.unread),
    )


def _nodegroup(found: Answer) -> Iterable[str]:
    scaling = found.get("scalingConfig", {})
    full = ", cannot grow" if scaling.get("desiredSize", 0) >= scaling.get("maxSize", 0) else ""
    yield (
        f"node group: {named(found.get('nodegroupName'))}, {term(found.get('status'))}, "
        f"{', '.join(map(term, found.get('instanceTypes', ()))) or 'own template'}, "
        f"{scaling.get('desiredSize')} nodes, "
        f"at least {scaling.get('minSize')}, at most {scaling.get('maxSize')}{full}"
    )
    yield from _health(found.get("health", {}))


def _health(found: Answer) -> Iterable[str]:
    for issue in found.get("issues", [])[:SHOWN_DEPLOYMENTS]:
        yield f"health issue: {term(issue.get('code'))}, {named(issue.get('message'))}"


DESCRIBERS = (
    Describer(("ecs:service",), (_SERVICES, _TASK_DEFINITION), _service),
    Describer(("ecs:cluster",), (_CLUSTERS,), _cluster),
    Describer(
        ("eks:cluster", "eks:namespace", "eks:node", "eks:pod", "eks:service"),
        (_EKS_CLUSTER, _NODEGROUPS, _NODEGROUP),
        _eks,
    ),
)
