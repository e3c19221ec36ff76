# shellcheck shell=bash
# The model's endpoint: made, reused and given back by `autocloudops endpoint`, which knows how.

# What is learnt of it: under which name the model is served, on what, what would be done and why it would not be, how
# many instances the account may have; and of one that is there, how it is, and whether it was made here.
MODEL_NAME=""
INSTANCE_TYPE=""
ENDPOINT_ACTION=""
REFUSAL=""
QUOTA=""
ENDPOINT_STATUS=""
OWNED=""
LEASES=""

# The arguments that say which endpoint is wanted.
wanted_endpoint() {
  printf '%s\n' "$SPEC" --consumer "$CONSUMER"
  [[ -z $ENDPOINT ]] || printf '%s\n' --name "$ENDPOINT"
  printf '%s\n' --set "prefix=$PREFIX"
  printf '%s\n' --set "role=arn:$PARTITION:iam::$ACCOUNT:role/$PREFIX-endpoint"
  printf '%s\n' --set "weights=s3://$(uploads_bucket)/weights/"
  [[ ${#SETTINGS[@]} -eq 0 ]] || printf '%s\n' "${SETTINGS[@]}"
  ! $KEY_IN_ENVIRONMENT || printf '%s\n' --key-in-environment
}

endpoint_verb() {
  local verb=$1 arguments=() line
  shift
  while IFS= read -r line; do arguments+=("$line"); done < <(wanted_endpoint)
  autocloudops endpoint "$verb" "${arguments[@]}" "$@"
}

# The endpoint is the one that was named, else that of the last deployment, else the spec's.
name_endpoint() {
  ENDPOINT=${ENDPOINT:-$(stack_fact roles parameter-EndpointName)}
  [[ -n $ENDPOINT ]] || plan_endpoint
}

# Learns what is wanted, and what making it would mean.
look_at_endpoint() {
  name_endpoint
  if ! $ADOPT; then
    [[ -n $ENDPOINT_ACTION ]] || plan_endpoint
    return
  fi
  find_endpoint
  ENDPOINT_ACTION="adopt, and never change it"
  [[ $ENDPOINT_STATUS == InService ]] || REFUSAL="$ENDPOINT is not in service, so it cannot be adopted"
}

# A plan that refuses is one too.
plan_endpoint() {
  local plan
  plan=$(endpoint_verb plan --output json) || [[ -n $plan ]] || fail "the endpoint cannot be planned, see above" 254
  learn "$plan" ENDPOINT=endpoint ENDPOINT_ACTION=verdict REFUSAL=refusal QUOTA=found.quota \
    COMPONENT=component.inference_component_name INSTANCE_TYPE=configuration.production_variants.0.instance_type \
    MODEL_NAME=model.primary_container.environment.NIM_SERVED_MODEL_NAME
}

# What is there under the name.
find_endpoint() {
  local found
  found=$(autocloudops endpoint status "$ENDPOINT" --output json) || [[ -n $found ]] \
    || fail "SageMaker does not say what is there" 254
  learn "$found" ENDPOINT_STATUS=status OWNED=owned LEASES=leases INSTANCE_TYPE=instance_type
}

ensure_endpoint() {
  say "endpoint $ENDPOINT: $ENDPOINT_ACTION"
  if $ADOPT; then
    autocloudops endpoint adopt "$ENDPOINT" --consumer "$CONSUMER" \
      ${COMPONENT:+--component "$COMPONENT"} >&2 || fail "the endpoint was not adopted" 254
  else
    endpoint_verb ensure --yes --output json >/dev/null \
      || fail "the endpoint is not as it should be; the same command goes on from here" 254
  fi
}

# The consumers of the endpoint but us, in one line.
other_leases() {
  "$PYTHON" -IS -c '
import json, sys
print(" ".join(each for each in json.load(sys.stdin) if each != sys.argv[1]))
' "$CONSUMER" <<<"${LEASES:-{\}}"
}

# Give the lease back; what was made here and nobody else uses is deleted.
leave_endpoint() {
  [[ -n $ENDPOINT_STATUS ]] || return 0
  if ! $ADOPT && [[ $OWNED == true ]]; then
    autocloudops endpoint delete "$ENDPOINT" --consumer "$CONSUMER" --yes >&2 \
      || fail "the endpoint $ENDPOINT is still there" 254
  elif [[ $LEASES == *"\"$CONSUMER\":"* ]]; then
    autocloudops endpoint release "$ENDPOINT" --consumer "$CONSUMER" >&2 \
      || fail "the lease on $ENDPOINT was not given back" 254
  fi
}

# What the endpoint costs a month, each way of running it, one NAME<tab>DOLLARS a line; --most instances of it. Nothing
# where its instance type has no price.
endpoint_costs() { remember endpoint-costs ask_costs; }

ask_costs() {
  local said
  # It ends with 1 for a type that our own models do not fit, which somebody else's endpoint may well have.
  said=$(autocloudops endpoint cost --instance-type "$INSTANCE_TYPE" --instances "$MOST" --output json) \
    || [[ -n $said ]] || return 0
  "$PYTHON" -IS -c '
import json, sys
for each in json.load(sys.stdin)["ways"]:
    print(each["way"], format(each["dollars"], ".2f"), sep="\t")
' <<<"$said"
}
