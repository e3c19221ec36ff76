# shellcheck shell=bash
# The one way to AWS: calls that versions 1 and 2 of its command line share.

# What a service is called in AWS_ENDPOINT_URL_…, where that is not what the command line calls it.
endpoint_variable() {
  case $1 in
    s3api) echo AWS_ENDPOINT_URL_S3 ;;
    *) echo "AWS_ENDPOINT_URL_$1" | tr 'a-z-' 'A-Z_' ;;
  esac
}

# Not every version reads AWS_ENDPOINT_URL, and version 1 does not for SQS: so it is said with each call.
cloud() {
  local variable url
  variable=$(endpoint_variable "$1")
  url=${!variable:-${AWS_ENDPOINT_URL:-}}
  AWS_PAGER="" command aws --region "$REGION" ${url:+--endpoint-url "$url"} "$@"
}

# The same as text, and nothing instead of None.
ask() {
  local said
  said=$(cloud "$@" --output text) || return
  [[ $said == None ]] || printf '%s\n' "$said"
}

# What a command says, asked once in this run.
remember() {
  local name=$1
  shift
  if [[ ! -e $MEMORY/$name ]]; then
    "$@" >"$MEMORY/$name.new" || return
    mv "$MEMORY/$name.new" "$MEMORY/$name"
  fi
  cat "$MEMORY/$name"
}

# How long is waited before looking again.
POLL_SECONDS=${AUTOCLOUDOPS_DEPLOY_POLL_SECONDS:-5}

require_tools() {
  local each
  for each in aws autocloudops python3 gzip; do
    command -v "$each" >/dev/null || fail "$each is not installed, or not on PATH; see docs/deployment.md" 253
  done
  # Found once: a version manager's stand-in for it would be slower each time.
  PYTHON=$(python3 -c 'import sys; print(sys.executable)')
  REGION=${REGION:-$(command aws configure get region || true)}
  [[ -n $REGION ]] || fail "no region: give --region, or set AWS_REGION" 253
  export AWS_REGION=$REGION AWS_DEFAULT_REGION=$REGION
  MEMORY=$(mktemp -d)
  trap 'rm -r "$MEMORY"' EXIT
}

# Who is calling, once a run. IDENTITY is an ARN.
require_account() {
  IDENTITY=$(ask sts get-caller-identity --query Arn) || fail "AWS does not know these credentials" 253
  ACCOUNT=$(cut -d: -f5 <<<"$IDENTITY")
  PARTITION=$(cut -d: -f2 <<<"$IDENTITY")
  export ACCOUNT IDENTITY PARTITION
}

# Sets variables from a JSON document: NAME=PATH each, where the path is names between dots, as `cost.monthly_usd`. What
# is not there is empty.
learn() {
  local document=$1 line
  shift
  "$PYTHON" -IS -c '
import json, sys
document = json.load(sys.stdin)
for each in sys.argv[1:]:
    name, _, path = each.partition("=")
    value = document
    for step in path.split("."):
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    print(name, " ".join(text.splitlines()), sep="=")
' "$@" <<<"$document" >"$MEMORY/learnt" || fail "an answer is no JSON document" 254
  while IFS= read -r line; do printf -v "${line%%=*}" %s "${line#*=}"; done <"$MEMORY/learnt"
}

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c1-64
}

uploads_bucket() { echo "$PREFIX-uploads-$ACCOUNT-$REGION"; }
audit_bucket() { echo "$PREFIX-audit-$ACCOUNT-$REGION"; }
