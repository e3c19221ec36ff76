"""API Gateway, CloudFront, EFS."""

from autocloudops.errors import ServiceFailed
from autocloudops.knowledge.configurations.reading import Answer, Described, Describer, Limit, Reading
from autocloudops.knowledge.configurations.words import named, since, size, tagged, tags_of, term
from autocloudops.knowledge.wording import number

_API_GATEWAY = "apigateway:GET"
_DISTRIBUTION = "cloudfront:GetDistribution"
_FILE_SYSTEMS = "elasticfilesystem:DescribeFileSystems"
EVERY_METHOD = "*/*"
ACCOUNT_RATE = 10_000
"""Requests a second of an account, where neither stage nor account says less.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""
MOST_APIS = 500


async def _rest_stage(reading: Reading) -> Described:
    """Read a stage of a REST API: the metric names the API, and only the list of all has its id."""
    name, _, stage = reading.resource.id.rpartition("/")
    listed = await reading.ask(_API_GATEWAY, "GetRestApis", limit=MOST_APIS)
    found = await reading.ask(_API_GATEWAY, "GetStage", restApiId=_api_named(name, listed, reading), stageName=stage)
    tags = tags_of(found.get("tags", {}))
    settings: Answer = found.get("methodSettings", {})
    everywhere = settings.get(EVERY_METHOD, {})
    own = [method for method in settings if method != EVERY_METHOD]
    burst = everywhere.get("throttlingBurstLimit", -1)
    return Described(
        lines=(
            f"burst: {number(burst)} requests" if burst > 0 else "burst: the account's",
            f"methods with settings of their own: {len(own)}" if own else "",
            f"deployment: {named(found.get('deploymentId'))}, last updated {since(found.get('lastUpdatedDate'))}",
            f"cache: {term(found.get('cacheClusterSize'))} GB" if found.get("cacheClusterEnabled") else "cache: none",
            tagged(tags),
        ),
        limits={"Count": _throttle(everywhere)},
        tags=tags,
    )


def _api_named(name: str, listed: Answer, reading: Reading) -> str:
    """Return the id of the one API of a name; names need not be unique, and only the first page was read."""
    apis = [each for each in listed.get("items", []) if each.get("name") == name]
    if len(apis) > 1:
        raise ServiceFailed(_API_GATEWAY, reading.target, f"{len(apis)} APIs have its name")
    if not apis and "position" in listed:
        raise ServiceFailed(_API_GATEWAY, reading.target, f"it is not among the first {MOST_APIS} APIs")
    return str(reading.only(apis, _API_GATEWAY)["id"])


def _throttle(settings: Answer) -> Limit:
    rate = settings.get("throttlingRateLimit", -1)
    if rate > 0:
        return Limit("throttle", rate, "of the stage", per_second=True)
    return Limit("throttle", ACCOUNT_RATE, "the account's default, shared by its APIs", per_second=True)


async def _http_stage(reading: Reading) -> Described:
    """Read a stage of an HTTP or WebSocket API: its metrics name the API by its id."""
    api, _, stage = reading.resource.id.partition("/")
    found = await reading.ask(_API_GATEWAY, "apigatewayv2:GetStage", ApiId=api, StageName=stage)
    tags = tags_of(found.get("Tags", {}))
    everywhere: Answer = found.get("DefaultRouteSettings", {})
    own = found.get("RouteSettings", {})
    burst = everywhere.get("ThrottlingBurstLimit", -1)
    return Described(
        lines=(
            f"burst: {number(burst)} requests" if burst > 0 else "burst: the account's",
            f"routes with settings of their own: {len(own)}" if own else "",
            f"deployment: {named(found.get('DeploymentId'))}, last updated {since(found.get('LastUpdatedDate'))}",
            f"deploys by itself: {'yes' if found.get('AutoDeploy') else 'no'}",
            tagged(tags),
        ),
        limits={"Count": _throttle({"throttlingRateLimit": everywhere.get("ThrottlingRateLimit", -1)})},
        tags=tags,
    )


async def _distribution(reading: Reading) -> Described:
    """Read a distribution; headers that it adds for its origins never leave `Reading.ask`."""
    answer = await reading.ask(_DISTRIBUTION, Id=reading.resource.id)
    found = answer.get("Distribution", {})
    config = found.get("DistributionConfig", {})
    origins = config.get("Origins", {}).get("Items", [])
    return Described(
        lines=(
            f"distribution: {'enabled' if config.get('Enabled') else 'disabled'}, {term(found.get('Status'))}",
            (
                f"last modified: {since(found.get('LastModifiedTime'))}, "
                f"{found.get('InProgressInvalidationBatches', 0)} invalidations under way"
            ),
            f"origins: {', '.join(named(each.get('DomainName')) for each in origins[:3])}",
            f"price class: {term(config.get('PriceClass'))}, HTTP {term(config.get('HttpVersion'))}",
            f"web ACL: {'yes' if config.get('WebACLId') else 'no'}",
        )
    )


async def _file_system(reading: Reading) -> Described:
    answer = await reading.ask(_FILE_SYSTEMS, FileSystemId=reading.resource.id)
    found = reading.only(answer.get("FileSystems", []), _FILE_SYSTEMS)
    tags = tags_of(found.get("Tags", ()))
    provisioned = found.get("ProvisionedThroughputInMibps")
    return Described(
        lines=(
            f"file system: {term(found.get('LifeCycleState'))}, {size(found.get('SizeInBytes', {}).get('Value', 0))}",
            f"throughput: {term(found.get('ThroughputMode'))}{f', {number(provisioned)} MiB/s' if provisioned else ''}",
            f"performance: {term(found.get('PerformanceMode'))}",
            f"mount targets: {found.get('NumberOfMountTargets')}",
            tagged(tags),
        ),
        tags=tags,
    )


DESCRIBERS = (
    Describer(("apigateway:rest-stage",), (_API_GATEWAY,), _rest_stage),
    Describer(("apigateway:stage",), (_API_GATEWAY,), _http_stage),
    Describer(("cloudfront:distribution",), (_DISTRIBUTION,), _distribution),
    Describer(("efs:file-system",), (_FILE_SYSTEMS,), _file_system),
)
