"""Every setting, one frozen class per room, read from `AUTOCLOUDOPS_*`."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from autocloudops.authenticity.gatekeeper import SignatureCheck
from autocloudops.decisions.modes import Mode

# SageMaker's limit for InvokeEndpoint; a response stream has eight minutes (its developer guide, containers).
CUT_SECONDS = 60.0


class Settings(BaseModel):
    """What a room is told: its field `f` is set by the variable `AUTOCLOUDOPS_{room}_{F}`.

    Reading them takes a few lines (see `environment`); pydantic-settings would add 25 ms to each cold start.
    """

    model_config = ConfigDict(frozen=True, defer_build=True, validate_default=True)

    room: ClassVar[str]


def _separated(value: object) -> object:
    return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value


def _in_no_order(url: str) -> str:
    if url.endswith(".fifo"):
        raise ValueError("a FIFO queue would let one message wait for another; use a standard queue")
    return url


class QueueSettings(Settings):
    """Where alarms come from."""

    room = "QUEUE"

    url: str = Field(description="URL of the SQS queue that receives alarms")
    dlq_url: str = Field(description="URL of the dead-letter queue for bodies that cannot be read")
    wait_seconds: int = Field(default=10, ge=1, le=20, description="long poll of each receive; SQS allows 20")
    concurrency: int = Field(default=64, ge=1, le=1000, description="messages handled at once")
    lease_seconds: int = Field(
        default=180, ge=60, le=43_200, description="how long a message is hidden from other workers between renewals"
    )
    drain_seconds: float = Field(
        default=18,
        gt=0,
        validate_default=True,
        description="time to finish after SIGTERM: 12 s below ECS's stopTimeout, above wait_seconds",
    )
    transport: Literal["aiobotocore", "lean"] = Field(
        default="aiobotocore", description="aiobotocore, or lean: less CPU for each call, see docs/performance.md"
    )

    _standard = field_validator("url", "dlq_url")(_in_no_order)

    @field_validator("dlq_url")
    @classmethod
    def _elsewhere(cls, dlq_url: str, info: ValidationInfo) -> str:
        if dlq_url == info.data.get("url"):
            raise ValueError("what cannot be read would come back for ever; name another queue than url")
        return dlq_url

    @field_validator("drain_seconds")
    @classmethod
    def _outlasts_a_poll(cls, seconds: float, info: ValidationInfo) -> float:
        if seconds <= info.data.get("wait_seconds", 0):
            raise ValueError("longer than wait_seconds, because a long poll is never aborted")
        return seconds


class SnsSettings(Settings):
    """Whose SNS messages count."""

    room = "SNS"

    signatures: SignatureCheck = Field(
        default=SignatureCheck.OFF, description="off, required, or strict: see docs/sns-authenticity.md"
    )
    topics: tuple[str, ...] = Field(
        default=(), description="ARNs of the topics that alarms come from, separated by commas"
    )

    _listed = field_validator("topics", mode="before")(_separated)


class ModelSettings(Settings):
    """Which model is asked, and how long."""

    room = "MODEL"

    endpoints: tuple[str, ...] = Field(
        min_length=1,
        description="in order, between commas: sagemaker://NAME[?component=&region=&model=] or "
        "https://HOST/v1[?model=&key_secret=]; docs/model-endpoints.md",
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
    regions: tuple[str, ...] = Field(default=(), description="other regions that data may go to, separated by commas")
    hosts: tuple[str, ...] = Field(default=(), description="https hosts that data may go to, separated by commas")
    decide_within_seconds: float = Field(
        default=60, gt=0, le=600, description="no attempt to get an answer starts later than this after an incident"
    )
    longest_seconds: float = Field(
        default=600, gt=0, le=600, description="an answer that is on its way is waited for until then"
    )
    prompt_tokens: int = Field(default=6_000, ge=2_000, description="how long a question may be, in estimated tokens")
    ceiling_seconds: float = Field(
        default=45,
        gt=0,
        le=480,
        description="the 95th percentile of latency is kept under this; above 60 it needs streaming",
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

    @field_validator("ceiling_seconds")
    @classmethod
    def _below_the_cut(cls, ceiling_seconds: float, others: ValidationInfo) -> float:
        if ceiling_seconds > CUT_SECONDS and not others.data.get("streaming", True):
            raise ValueError("SageMaker cuts answers at 60 s unless streaming is on")
        return ceiling_seconds

    @field_validator("longest_seconds")
    @classmethod
    def _not_before_the_last_start(cls, longest_seconds: float, others: ValidationInfo) -> float:
        if longest_seconds < others.data.get("decide_within_seconds", 0):
            raise ValueError("it is shorter than decide_within_seconds, in which attempts still start")
        return longest_seconds


class IncidentSettings(Settings):
    """How long an incident waits for company."""

    room = "INCIDENT"

    join_seconds: float = Field(default=900, gt=0, description="an incident takes members this long after its last one")
    quiet_seconds: float = Field(
        default=1, ge=0.05, description="the model is asked after this long without a new member"
    )
    batch_seconds: float = Field(default=10, ge=0, description="and after this long in any case")
    self_clearing: bool = Field(
        default=True,
        description="ask about alarms that clear by themselves only when they last longer than usual",
    )


class AuditSettings(Settings):
    """Where the audit goes."""

    room = "AUDIT"

    location: str = Field(description="s3://BUCKET[/PREFIX], or a folder")
    batch_records: int = Field(default=500, ge=1, description="records per object at most")
    batch_seconds: float = Field(default=2, gt=0, description="a record waits for company this long at most")
    kms_key: str = Field(default="", description="KMS key that objects are encrypted with; empty for the bucket's own")
    digest_key: str = Field(
        default="", description="what signs digests: kms://KEY, or a PEM file; workers have no use for it"
    )
    former_keys: tuple[str, ...] = Field(
        default=(), description="what signed digests before, in the same form, separated by commas: see docs/audit.md"
    )

    _listed = field_validator("former_keys", mode="before")(_separated)


class RedactionSettings(Settings):
    """How secrets in texts are replaced."""

    room = "REDACTION"

    key_secret: str = Field(
        default="",
        description="Secrets Manager secret with the key of placeholders, so that equal secrets have equal ones in all"
        " workers; empty for a key of each process",
    )
    addresses: bool = Field(default=False, description="also replace Internet addresses")


class StateSettings(Settings):
    """Where incidents are kept."""

    room = "STATE"

    table: str = Field(default="autocloudops-state", description="DynamoDB table with keys pk and sk")


class EvidenceSettings(Settings):
    """What is read about an incident before the model is asked."""

    room = "EVIDENCE"

    gather: bool = Field(default=True, description="whether anything is read in AWS and in the state table")
    call_seconds: float = Field(default=0.7, gt=0, le=10, description="one call takes this long at most")
    wall_seconds: float = Field(default=1.5, gt=0, le=30, description="all of them together take this long at most")


class KnowledgeSettings(Settings):
    """Where runbooks are, and what embeds them."""

    room = "KNOWLEDGE"

    library: str | None = Field(default=None, description="s3://BUCKET[/PREFIX], or a folder, with runbooks; or none")
    endpoints: tuple[str, ...] = Field(
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


class NotifySettings(Settings):
    """Who is told."""

    room = "NOTIFY"

    topic_arn: str = Field(description="SNS topic for decisions")


class SafetySettings(Settings):
    """What may be done."""

    room = "SAFETY"

    mode: Mode = Field(
        default=Mode.DRY_RUN,
        description="off, dry-run, approve or active: the highest mode that the policy and the control item may set",
    )
    policy: str = Field(
        default="", description="the policy, a file or s3://bucket/key; empty for the default, which acts on nothing"
    )
    min_confidence: int = Field(default=7, ge=7, le=10, description="necessary for an action, never sufficient")


class ActionSettings(Settings):
    """How what was decided is done, where the policy allows it."""

    room = "ACTION"

    followups_url: str = Field(
        default="", description="SQS queue that brings actions back to be looked at; without it nothing is ever done"
    )
    followups_dlq_url: str = Field(default="", description="dead-letter queue of the follow-ups")
    runbook_role: str = Field(
        default="arn:aws:iam::{account}:role/{runbook}",
        description="role that a runbook runs as; {account} and {runbook} are filled in",
    )
    account_role: str = Field(
        default="", description="name of the role that is assumed to act in other accounts; empty for none"
    )
    external_id: str = Field(default="", description="external id that this role asks for")
    call_seconds: float = Field(
        default=2, gt=0, le=30, description="how long one call may take that reads what the gates need of a target"
    )
    facts_seconds: float = Field(
        default=4,
        gt=0,
        le=60,
        description="and all of them together; what is not read by then refuses",
    )
    first_look_seconds: float = Field(
        default=15,
        ge=1,
        le=900,
        description="after how long an action is looked at; later looks are ever further apart",
    )
    ok_periods: int = Field(
        default=2, ge=1, le=60, description="an action helped when its alarm was OK for so many of its own periods"
    )
    verify_within_seconds: float = Field(
        default=900, ge=10, le=86_400, description="an action did not help when its alarm is not OK within this time"
    )
    recurs_within_seconds: float = Field(
        default=1800, ge=1, le=86_400, description="an alarm that fires again within this time has recurred"
    )

    _standard = field_validator("followups_url", "followups_dlq_url")(_in_no_order)

    @field_validator("followups_dlq_url")
    @classmethod
    def _with_its_queue(cls, dlq_url: str, others: ValidationInfo) -> str:
        url = others.data.get("followups_url")
        if url and not dlq_url:
            raise ValueError("a follow-up that nobody can read would have nowhere to go")
        if url and dlq_url == url:
            raise ValueError("what cannot be read would come back for ever; name another queue than followups_url")
        return dlq_url


class LambdaSettings(Settings):
    """How the worker runs as a Lambda function."""

    room = "LAMBDA"

    endpoint_limit: int = Field(
        default=32, ge=1, le=1000, description="requests that the model endpoint takes at once, from all environments"
    )
    maximum_concurrency: int = Field(
        default=8, ge=2, le=1000, description="MaximumConcurrency of the event source mapping"
    )
    margin_seconds: float = Field(
        default=15, ge=1, le=120, description="nothing new begins, and no answer is waited for, this close to the end"
    )
    retry_seconds: float = Field(
        default=60, ge=1, le=600, description="a question that got no answer is asked again after this long"
    )

    @field_validator("maximum_concurrency")
    @classmethod
    def _a_request_each(cls, maximum_concurrency: int, others: ValidationInfo) -> int:
        if maximum_concurrency > others.data.get("endpoint_limit", maximum_concurrency):
            raise ValueError("there are more environments than requests that the endpoint takes at once")
        return maximum_concurrency

    @property
    def share(self) -> int:
        """How many requests one environment may have in flight: the sweep runs in one more than the mapping's."""
        return max(1, self.endpoint_limit // (self.maximum_concurrency + 1))


class HealthSettings(Settings):
    """Where a worker says how it is."""

    room = "HEALTH"

    port: int = Field(default=0, ge=0, le=65_535, description="port of /live and /ready; 0 for none")
    host: str = Field(
        default="127.0.0.1", description="address of that port; 0.0.0.0 where something outside the task looks at it"
    )


class MetricsSettings(Settings):
    """What is measured."""

    room = "METRICS"

    namespace: str = Field(
        default="", description="CloudWatch namespace of metrics, printed in the embedded metric format; empty for none"
    )


class LogSettings(Settings):
    """What is logged."""

    room = "LOG"

    level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="lowest level that is logged"
    )


ROOMS: tuple[type[Settings], ...] = (
    QueueSettings,
    SnsSettings,
    ModelSettings,
    IncidentSettings,
    AuditSettings,
    RedactionSettings,
    StateSettings,
    EvidenceSettings,
    KnowledgeSettings,
    NotifySettings,
    SafetySettings,
    ActionSettings,
    LambdaSettings,
    HealthSettings,
    MetricsSettings,
    LogSettings,
)
