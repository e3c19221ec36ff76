# shellcheck shell=bash
# The model's endpoint: made, reused and given back by `autocloudops endpoint`, which knows how.

# The arguments that say which endpoint is wanted.
wanted_endpoint() {
  printf '%s\n' "$SPEC" --consumer "$CONSUMER"
  [[ -z $ENDPOINT ]] || printf '%s\n' --name "$ENDPOINT"
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

# What making it would mean. A plan that refuses is one too.
endpoint_plan() { remember endpoint-plan planned_endpoint || fail "the endpoint cannot be planned, see above" 254; }

planned_endpoint() {
  local plan
  plan=$(endpoint_verb plan --output json) || [[ -n $plan ]] || return
  printf '%s\n' "$plan"
}

# What is there under the name.
endpoint_found() { remember endpoint-found find_endpoint || fail "SageMaker does not say what is there" 254; }

find_endpoint() {
  local found
  found=$(autocloudops endpoint status "$(endpoint_name)" --output json) || [[ -n $found ]] || return
  printf '%s\n' "$found"
}

# The endpoint as it was named, else that of the last deployment, else the spec's.
endpoint_name() {
  local known=$ENDPOINT
  [[ -n $known ]] || known=$(stack_parameter roles EndpointName)
  [[ -n $known ]] || known=$(endpoint_plan | field endpoint)
  echo "$known"
}

component_name() {
  if $ADOPT; then
    echo "$COMPONENT"
  else
    endpoint_plan | field component.inference_component_name
  fi
}

# The name that the model is served under, where the spec says it; else the worker's own default counts.
model_name() {
  if ! $ADOPT; then
    endpoint_plan | field model.primary_container.environment.NIM_SERVED_MODEL_NAME
  fi
}

instance_type() {
  if $ADOPT; then
    endpoint_found | field instance_type
  else
    endpoint_plan | field configuration.production_variants.0.instance_type
  fi
}

# Why the endpoint would not be made or used; nothing where it would.
endpoint_refusal() {
  if ! $ADOPT; then
    endpoint_plan | field refusal
  elif [[ $(endpoint_found | field status) != InService ]]; then
    echo "$(endpoint_name) is not in service, so it cannot be adopted"
  fi
}

endpoint_action() { if $ADOPT; then echo "adopt, and never change it"; else endpoint_plan | field verdict; fi; }

ensure_endpoint() {
  say "endpoint $(endpoint_name): $(endpoint_action)"
  if $ADOPT; then
    autocloudops endpoint adopt "$(endpoint_name)" --consumer "$CONSUMER" \
      ${COMPONENT:+--component "$COMPONENT"} >&2 || fail "the endpoint was not adopted" 254
  else
    endpoint_verb ensure --yes --output json >/dev/null \
      || fail "the endpoint is not as it should be; the same command goes on from here" 254
  fi
  forget endpoint-plan
  forget endpoint-found
}

# The consumers of the endpoint but us, in one line.
other_leases() {
  endpoint_found | "$PYTHON" -IS -c '
import json, sys
print(" ".join(each for each in json.load(sys.stdin)["leases"] if each != sys.argv[1]))
' "$CONSUMER"
}

# Give the lease back; what was made here and nobody else uses is deleted.
leave_endpoint() {
  local name
  name=$(endpoint_name)
  [[ -n $(endpoint_found | field status) ]] || return 0
  if $ADOPT || [[ $(endpoint_found | field owned) != true ]]; then
    autocloudops endpoint release "$name" --consumer "$CONSUMER" >&2 || true
  else
    autocloudops endpoint delete "$name" --consumer "$CONSUMER" --yes >&2 \
      || fail "the endpoint $name is still there" 254
  fi
}

# What the endpoint costs a month, each way of running it, one NAME<tab>DOLLARS a line; --most instances of it.
endpoint_costs() { remember endpoint-costs ask_costs; }

ask_costs() {
  autocloudops endpoint cost --instance-type "$(instance_type)" --instances "$MOST" --output json | "$PYTHON" -IS -c '
import json, sys
for each in json.load(sys.stdin)["ways"]:
    print(each["way"], format(each["dollars"], ".2f"), sep="\t")
'
}
