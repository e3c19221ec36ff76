import json
from pathlib import Path

import pytest

from autocloudops.diagnosis.endpoint import Message
from autocloudops.diagnosis.tokens import characters_within, chat_tokens, estimated_tokens

COUNTED = json.loads((Path(__file__).parents[2] / "data" / "tokens" / "counted.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", COUNTED)
@pytest.mark.parametrize("tokenizer", ["llama3", "gemma3"])
def test_estimate_bounds_what_tokenizers_count(kind: str, tokenizer: str) -> None:
    """Texts that Llama 3's and Gemma 3's own tokenizers counted are estimated at no less than three quarters of it."""
    counted = COUNTED[kind]
    assert counted[tokenizer] <= 1.3 * estimated_tokens(counted["text"]) + 4


@pytest.mark.parametrize("kind", ["a question", "the evidence of an alarm", "English", "a log", "JSON", "ARNs"])
@pytest.mark.parametrize("tokenizer", ["llama3", "gemma3"])
def test_estimate_of_what_is_sent_is_a_bound_and_close(kind: str, tokenizer: str) -> None:
    """What questions are made of costs no more than estimated, and the estimate is not twice as much."""
    counted = COUNTED[kind]
    assert 0.6 < counted[tokenizer] / estimated_tokens(counted["text"]) <= 1.0


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        (" ", 0),
        ("word", 1),
        (" two words", 2),
        ("authentication", 3),
        ("CPUUtilization", 4),
        ("2026", 4),
        ('{"a": 1}', 7),
        ("\n" * 17, 2),
        ("é", 1),
        ("界", 2),
        ("🔥", 3),
        ("\ud800", 2),
    ],
)
def test_runs_have_prices(text: str, tokens: int) -> None:
    """Words, capitals, digits, punctuation, space and other scripts each cost what the module says."""
    assert estimated_tokens(text) == tokens


def test_prefix_within_a_bound_is_whole_runs() -> None:
    """A text is cut where a run ends, and never costs more than the bound."""
    text = "the orders service waits"
    assert text[: characters_within(text, 2)] == "the orders "
    assert text[: characters_within(text, 4)] == "the orders service "
    assert characters_within(text, 100) == len(text)
    assert characters_within(text, 0) == 0
    assert characters_within(text, -5) == 0


def test_chat_costs_its_template() -> None:
    """Each message costs the marks around it, and the answer's header is paid in advance."""
    chat = (Message(role="system", content="word"), Message(role="user", content="word"))
    assert chat_tokens(chat) == 5 + 2 * (5 + 1)
    assert chat_tokens(()) == 5
