"""What may answer in the sandbox: the names that are typed, and what people are told about each."""

from enum import StrEnum


class EngineName(StrEnum):
    """An engine of the simulated endpoint."""

    RULES = "rules"
    LLAMA = "llama"


class DemoMode(StrEnum):
    """How far the demo's worker goes."""

    DRY_RUN = "dry-run"
    ACTIVE = "active"


SERVED_AS = {EngineName.RULES: "simulated/rules", EngineName.LLAMA: "simulated/llama-gemma3-270m"}
TOLD = {
    EngineName.RULES: "a stand-in that follows rules, no real model",
    EngineName.LLAMA: "a real but tiny model (Gemma 3 270M base): it proves the protocol, not the triage - "
    "of 8 alarms it classified 3 - so believe none of its causes",
}


def described(engine: EngineName) -> str:
    """Return the name that `engine` is served under, and what it is."""
    return f"{SERVED_AS[engine]}, {TOLD[engine]}"
