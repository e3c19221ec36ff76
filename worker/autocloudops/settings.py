"""Every setting, one frozen class per room, read from `AUTOCLOUDOPS_*`."""

from typing import Annotated, TypeVar

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from autocloudops.authenticity.gatekeeper import SignatureCheck
from autocloudops.decisions.model import Mode
from autocloudops.errors import SettingsInvalid

S = TypeVar("S", bound=BaseSettings)


def _room(name: str) -> SettingsConfigDict:
    return SettingsConfigDict(env_prefix=f"AUTOCLOUDOPS_{name}_", frozen=True, extra="ignore")


def _separated(value: object) -> object:
    return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value


class QueueSettings(BaseSettings):
    """Where alarms come from."""

    model_config = _room("QUEUE")

    url: str = Field(description="URL of the SQS queue that receives alarms")
    dlq_url: str = Field(description="URL of the dead-letter queue for bodies that cannot be read")
    wait_seconds: int = Field(default=10, ge=1, le=20, description="long poll of each receive; SQS allows 20")
    concurrency: int = Field(default=64, ge=1, le=1000, description="messages handled at once")
    drain_seconds: float = Field(default=25, gt=0, description="time to finish after SIGTERM; below ECS's stopTimeout")


class SnsSettings(BaseSettings):
    """Whose SNS messages count."""

    model_config = _room("SNS")

    signatures: SignatureCheck = Field(
        default=SignatureCheck.OFF, description="off, required, or strict: see docs/sns-authenticity.md"
    )
    topics: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="ARNs of the topics that alarms come from, separated by commas"
    )

    _listed = field_validator("topics", mode="before")(_separated)


class ModelSettings(BaseSettings):
    """Which model is asked, and how long."""

    model_config = _room("MODEL")

    endpoints: Annotated[tuple[str, ...], NoDecode] = Field(
        min_length=1,
        description="model endpoints in order of preference, separated by commas: "
        "sagemaker://NAME[?component=COMPONENT&region=REGION] or https://HOST/v1",
    )
    name: str = Field(
        default="nvidia/llama-3.1-nemotron-nano-8b-v1", description="served model name, sent in each request"
    )
    streaming: bool = Field(default=False, description="let answers come in pieces; needed where one takes over 60 s")
    key_variable: str | None = Field(
        default=None, description="environment variable that holds the key of https endpoints"
    )
    key_secret: str | None = Field(
        default=None, description="Secrets Manager secret that holds the key of https endpoints"
    )
    regions: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="other regions that data may go to, separated by commas"
    )
    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="https hosts that data may go to, separated by commas"
    )
    decide_within_seconds: float = Field(
        default=60, gt=0, le=600, description="no attempt to get an answer starts later than this after an incident"
    )
    longest_seconds: float = Field(
        default=600, gt=0, le=600, description="an answer that is on its way is waited for until then"
    )
    prompt_tokens: int = Field(default=6_000, ge=2_000, description="how long a question may be, in estimated tokens")
    ceiling_seconds: float = Field(
        default=45, gt=0, le=480, description="the 95th percentile of latency is kept under this; SageMaker cuts at 60"
    )
    price_per_hour: float | None = Field(
        default=None, gt=0, description="US dollars for an hour of the instance, shown beside every decision"
    )

    _listed = field_validator("endpoints", "regions", "hosts", mode="before")(_separated)

    @field_validator("key_secret")
    @classmethod
    def _one_key(cls, key_secret: str | None, others: ValidationInfo) -> str | None:
        if key_secret and others.data.get("key_variable"):
            raise ValueError("the key comes from a variable or from a secret, not from both")
        return key_secret

    @field_validator("longest_seconds")
    @classmethod
    def _not_before_the_last_start(cls, longest_seconds: float, others: ValidationInfo) -> float:
        if longest_seconds < others.data.get("decide_within_seconds", 0):
            raise ValueError("it is shorter than decide_within_seconds, in which attempts still start")
        return longest_seconds


class IncidentSettings(BaseSettings):
    """How long an incident waits for company."""

    model_config = _room("INCIDENT")

    join_seconds: float = Field(default=900, gt=0, description="an incident takes members this long after its last one")
    quiet_seconds: float = Field(
        default=1, ge=0.05, description="the model is asked after this long without a new member"
    )
    batch_seconds: float = Field(default=10, ge=0, description="and after this long in any case")
    self_clearing: bool = Field(
        default=True,
        description="ask about alarms that clear by themselves only when they last longer than usual",
    )


class AuditSettings(BaseSettings):
    """Where the audit goes."""

    model_config = _room("AUDIT")

    location: str = Field(description="s3://BUCKET[/PREFIX], or a folder")
    batch_records: int = Field(default=500, ge=1, description="records per object at most")
    batch_seconds: float = Field(default=2, gt=0, description="a record waits for company this long at most")


class StateSettings(BaseSettings):
    """Where incidents are kept."""

    model_config = _room("STATE")

    table: str = Field(default="autocloudops-state", description="DynamoDB table with keys pk and sk")


class EvidenceSettings(BaseSettings):
    """What is read about an incident before the model is asked."""

    model_config = _room("EVIDENCE")

    gather: bool = Field(default=True, description="whether anything is read in AWS and in the state table")
    call_seconds: float = Field(default=0.7, gt=0, le=10, description="one call takes this long at most")
    wall_seconds: float = Field(default=1.5, gt=0, le=30, description="all of them together take this long at most")


class KnowledgeSettings(BaseSettings):
    """Where runbooks are, and what embeds them."""

    model_config = _room("KNOWLEDGE")

    library: str | None = Field(default=None, description="s3://BUCKET[/PREFIX], or a folder, with runbooks; or none")
    endpoints: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="embedding endpoints in order of preference, as AUTOCLOUDOPS_MODEL_ENDPOINTS; without one, "
        "runbooks are found by exact match only",
    )
    model: str = Field(
        default="nvidia/llama-3.2-nv-embedqa-1b-v2", description="served embedding model, sent in each request"
    )
    least_score: float = Field(
        default=0.35, ge=0, le=1, description="a runbook that only reads like an alarm needs this cosine at least"
    )

    _listed = field_validator("endpoints", mode="before")(_separated)


class NotifySettings(BaseSettings):
    """Who is told."""

    model_config = _room("NOTIFY")

    topic_arn: str = Field(description="SNS topic for decisions")


class SafetySettings(BaseSettings):
    """What may be done."""

    model_config = _room("SAFETY")

    mode: Mode = Field(
        default=Mode.DRY_RUN, description="off or dry-run; approve and active are refused, because nothing can act yet"
    )
    min_confidence: int = Field(default=7, ge=7, le=10, description="necessary for an action, never sufficient")


class LogSettings(BaseSettings):
    """What is logged."""

    model_config = _room("LOG")

    level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="lowest level that is logged"
    )


ROOMS: tuple[type[BaseSettings], ...] = (
    QueueSettings,
    SnsSettings,
    ModelSettings,
    IncidentSettings,
    AuditSettings,
    StateSettings,
    EvidenceSettings,
    KnowledgeSettings,
    NotifySettings,
    SafetySettings,
    LogSettings,
)


def read(room: type[S]) -> S:
    """Return a room's settings from the environment.

    Raises:
        SettingsInvalid: one is missing or wrong; the message names the variable.
    """
    try:
        return room()
    except ValidationError as error:
        problem = error.errors()[0]
        field = str(problem["loc"][0]) if problem["loc"] else ""
        variable = variable_of(room, field)
        raise SettingsInvalid(
            f"{variable}: {problem['msg'].lower()}", f"set it to: {room.model_fields[field].description}"
        ) from error


def variable_of(room: type[BaseSettings], field: str) -> str:
    """Return the environment variable that sets `field`."""
    return f"{room.model_config.get('env_prefix', '')}{field}".upper()
