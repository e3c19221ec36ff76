"""Every setting, one frozen class per room, read from `AUTOCLOUDOPS_*`."""

from typing import Annotated, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from autocloudops.authenticity.gatekeeper import SignatureCheck
from autocloudops.decisions.model import Mode
from autocloudops.errors import SettingsInvalid

S = TypeVar("S", bound=BaseSettings)


def _room(name: str) -> SettingsConfigDict:
    return SettingsConfigDict(env_prefix=f"AUTOCLOUDOPS_{name}_", frozen=True, extra="ignore")


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

    @field_validator("topics", mode="before")
    @classmethod
    def _separated(cls, value: object) -> object:
        return [arn.strip() for arn in value.split(",") if arn.strip()] if isinstance(value, str) else value


class ModelSettings(BaseSettings):
    """Which model is asked, and how long."""

    model_config = _room("MODEL")

    endpoint: str = Field(description="model endpoint: sagemaker://NAME[?region=REGION]")
    name: str = Field(
        default="nvidia/llama-3.1-nemotron-nano-8b-v1", description="served model name, sent in each request"
    )
    attempts: int = Field(default=4, ge=1, le=10, description="requests per question at most, the first included")
    decide_within_seconds: float = Field(
        default=60,
        gt=0,
        le=140,
        description="from the start of a question to its decision, with the model or without; visibility is 180 s",
    )


class IncidentSettings(BaseSettings):
    """How long an incident waits for company."""

    model_config = _room("INCIDENT")

    join_seconds: float = Field(default=900, gt=0, description="an incident takes members this long after its last one")
    quiet_seconds: float = Field(
        default=1, ge=0.05, description="the model is asked after this long without a new member"
    )
    batch_seconds: float = Field(default=10, ge=0, description="and after this long in any case")


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
