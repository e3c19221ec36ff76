"""What the model said, once it was read."""

from typing import Annotated

from pydantic import ConfigDict, Field, StrictInt

from autocloudops.values import Value

ROOT_CAUSE_CHARACTERS = 600
GAP_CHARACTERS = 160
GAPS = 5
CITATIONS = 8

EvidenceId = Annotated[str, Field(pattern=r"^E[1-9][0-9]{0,3}$")]
Gap = Annotated[str, Field(min_length=1, max_length=GAP_CHARACTERS)]


class Diagnosis(Value):
    """What the model proposes and why: an action's name, and nothing else that could be executed.

    `confidence` is 1 to 10 as the model said it, not a probability. `evidence_for` and `evidence_against` are ids of
    evidence in the prompt; `gaps` is what the model would have needed to know.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: str = Field(min_length=1, max_length=64)
    confidence: StrictInt = Field(ge=1, le=10)
    evidence_for: tuple[EvidenceId, ...] = Field(max_length=CITATIONS)
    evidence_against: tuple[EvidenceId, ...] = Field(max_length=CITATIONS)
    gaps: tuple[Gap, ...] = Field(max_length=GAPS)
    root_cause: str = Field(min_length=1, max_length=ROOT_CAUSE_CHARACTERS)
