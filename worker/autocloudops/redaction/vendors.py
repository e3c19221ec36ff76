"""Secrets that tell themselves: a prefix that their issuer gave them, and the alphabet and length that it uses.

Sources, by issuer: AWS, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html (unique ids);
GitHub, https://docs.github.com/authentication (token formats); GitLab, https://docs.gitlab.com/security/tokens (token
prefixes); Slack, https://api.slack.com/authentication/token-types; Stripe, https://docs.stripe.com/keys; npm and PyPI,
their announcements of secret scanning; JWT, RFC 7519; the others, the rules of detect-secrets and gitleaks.
"""

import re

from autocloudops.redaction.pattern import LINE_LIMIT, Pattern

_WORD = r"[A-Za-z0-9_-]"
_BASE64 = r"[A-Za-z0-9+/]"
_URL_SAFE = rf"{_WORD}{{8,{LINE_LIMIT}}}"


def _token(kind: str, prefixes: tuple[str, ...], body: str) -> Pattern:
    """Return the pattern of a token: one of its prefixes, as they are written, and its body."""
    front = "|".join(re.escape(prefix) for prefix in prefixes)
    return Pattern(kind, prefixes, rf"(?<![A-Za-z0-9])(?:{front}){body}", lone=True)


def _word_of(least: int) -> str:
    return rf"{_WORD}{{{least},{LINE_LIMIT}}}"


def _hex_of(count: int) -> str:
    return rf"[0-9a-f]{{{count}}}(?![A-Za-z0-9])"


# The beginnings of a session token are those of its serialised form, in Base64.
AWS = (
    Pattern(
        "aws-access-key",
        ("AKIA", "ASIA", "ABIA", "ACCA"),
        r"(?<![A-Z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])",
        lone=True,
    ),
    Pattern(
        "aws-session-token",
        ("IQoJb3JpZ2lu", "FwoGZXIvYXdz", "FQoGZXIvYXdz"),
        rf"(?<![A-Za-z0-9+/])(?:IQoJb3JpZ2lu|F[wQ]oGZXIvYXdz)[A-Za-z0-9+/=%]{{60,{LINE_LIMIT}}}",
    ),
    _token("aws-bearer-token", ("ABSKQmVkcm9ja0FQSUtleS", "bedrock-api-key-"), rf"[A-Za-z0-9+/=_-]{{20,{LINE_LIMIT}}}"),
)

JWT = Pattern(
    "jwt",
    ("eyJ",),
    rf"(?<![A-Za-z0-9_-])eyJ{_URL_SAFE}\.{_URL_SAFE}(?:\.{_WORD}{{0,{LINE_LIMIT}}}){{0,3}}",
    lone=True,
)

TOKENS = (
    _token("github-token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"), _word_of(20)),
    _token(
        "gitlab-token", ("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-", "glft-", "glagent-"), _word_of(16)
    ),
    _token(
        "slack-token",
        ("xoxa-", "xoxb-", "xoxe-", "xoxe.", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"),
        rf"[A-Za-z0-9_.-]{{16,{LINE_LIMIT}}}",
    ),
    Pattern(
        "slack-webhook",
        ("hooks.slack.com/",),
        rf"(?P<keep>hooks\.slack\.com/(?:services|workflows|triggers)/)[A-Za-z0-9_/-]{{16,{LINE_LIMIT}}}",
    ),
    Pattern(
        "discord-webhook",
        ("/webhooks/",),
        rf"(?P<keep>discord(?:app)?\.com/api/(?:v\d{{1,2}}/)?webhooks/\d{{16,20}}/){_word_of(32)}",
    ),
    Pattern(
        "integration-key",
        ("pagerduty.com/",),
        r"(?P<keep>\.pagerduty\.com/(?:integration|alerts|[\w-]{1,20}/enqueue)/)[a-z0-9]{32}(?![A-Za-z0-9])",
    ),
    _token("stripe-key", ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"), _word_of(16)),
    _token("google-key", ("AIza",), rf"{_WORD}{{35}}(?!{_WORD})"),
    _token("google-token", ("ya29.", "GOCSPX-"), _word_of(20)),
    _token("nvidia-key", ("nvapi" + "-",), _word_of(20)),
    _token("npm-token", ("npm_",), r"[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    _token("pypi-token", ("pypi-AgEI",), _word_of(30)),
    _token("model-key", ("sk-", "xai-", "gsk_", "pplx-"), rf"(?=[A-Za-z_-]{{0,64}}\d){_word_of(20)}"),
    _token("hugging-face-token", ("hf_",), r"[A-Za-z0-9]{30,64}(?![A-Za-z0-9])"),
    _token("sendgrid-key", ("SG.",), rf"{_WORD}{{16,32}}\.{_WORD}{{32,64}}"),
    _token("twilio-key", ("SK",), _hex_of(32)),
    _token("digitalocean-token", ("dop_v1_", "doo_v1_", "dor_v1_"), _hex_of(64)),
    _token("grafana-token", ("glsa_", "glc_"), rf"[A-Za-z0-9_+/=-]{{20,{LINE_LIMIT}}}"),
    _token("shopify-token", ("shpat_", "shpca_", "shppa_", "shpss_"), r"[0-9A-Fa-f]{32}(?![A-Za-z0-9])"),
    _token("databricks-token", ("dapi",), r"[0-9a-f]{32}(?:-\d)?(?![A-Za-z0-9])"),
    _token("vault-token", ("hvs.", "hvb.", "hvr."), _word_of(20)),
    _token("docker-token", ("dckr_pat_", "dckr_oat_"), _word_of(20)),
    _token("atlassian-token", ("ATATT3",), rf"[A-Za-z0-9_=-]{{50,{LINE_LIMIT}}}"),
    _token("newrelic-key", ("NRAK-", "NRII-"), _word_of(20)),
    _token("age-key", ("AGE-SECRET-KEY-1",), r"[A-Z0-9]{40,80}"),
    Pattern(
        "telegram-token",
        (":AA",),
        rf"(?:(?<![A-Za-z0-9])|(?<=\bbot))\d{{8,10}}:AA{_WORD}{{33}}(?!{_WORD})",
    ),
)

# It has no prefix: 40 characters of Base64 where a line is about secrets, once all that tell themselves are gone.
AWS_SECRET_KEY = Pattern(
    "aws-secret-key",
    ("ecret", "SECRET", "AKIA", "ASIA", "aws-access-key"),
    rf"(?<![A-Za-z0-9/+])(?=[^A-Z]{{0,39}}[A-Z])(?=[^a-z]{{0,39}}[a-z])(?=\D{{0,39}}\d)"
    rf"{_BASE64}{{40}}(?![A-Za-z0-9/+=])",
)
