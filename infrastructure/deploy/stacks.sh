# shellcheck shell=bash
# The stacks: which there are, in their order, with which parameters.

stack_names() {
  printf '%s\n' foundation audit roles runbooks
  [[ -n $IMAGE ]] || echo image
  worker_stacks
}

worker_stacks() {
  echo "worker-$WORKER"
  [[ $LEAST -eq 1 && $MOST -eq 1 ]] || echo endpoint-autoscaling
  printf '%s\n' observability dashboard
}

# What a stack is made with, one NAME=VALUE a line. Runbooks and endpoints have names of their own.
parameters_of() {
  [[ $1 == runbooks || $1 == endpoint-autoscaling ]] || echo "Prefix=$PREFIX"
  "parameters_of_${1//-/_}"
}

parameters_of_foundation() {
  # Six times the function's timeout, as AWS asks for; the worker on ECS renews what it holds.
  echo "VisibilitySeconds=$([[ $WORKER == lambda ]] && echo 720 || echo 180)"
  echo "Intake=${INTAKE:-ENABLED}"
  echo "AuditLock=$AUDIT_LOCK"
  echo "AuditLockDays=$AUDIT_LOCK_DAYS"
  # What is locked is not deleted either way; a delete marker before then would only hide it.
  echo "AuditKeepDays=$((AUDIT_LOCK_DAYS < 400 ? 400 : AUDIT_LOCK_DAYS + 1))"
}

parameters_of_audit() { echo "DataKeyArn=$(output_of foundation DataKeyArn)"; }

parameters_of_roles() {
  echo "DataKeyArn=$(output_of foundation DataKeyArn)"
  echo "EndpointName=$ENDPOINT"
  echo "ComponentName=$COMPONENT"
}

parameters_of_runbooks() {
  echo "StateTableArn=arn:$PARTITION:dynamodb:$REGION:$ACCOUNT:table/$PREFIX-state"
  echo "ApprovalTopicArn=arn:$PARTITION:sns:$REGION:$ACCOUNT:$PREFIX-decisions"
}

parameters_of_image() { echo "DataKeyArn=$(output_of foundation DataKeyArn)"; }

worker_parameters() {
  echo "ImageUri=$(image_uri)"
  echo "AlarmQueueUrl=$(output_of foundation AlarmQueueUrl)"
  echo "AlarmDlqUrl=$(output_of foundation AlarmDlqUrl)"
  echo "FollowUpQueueUrl=$(output_of foundation FollowUpQueueUrl)"
  echo "FollowUpDlqUrl=$(output_of foundation FollowUpDlqUrl)"
  echo "ModelEndpoints=sagemaker://$ENDPOINT${COMPONENT:+?component=$COMPONENT}"
  # The name that the model is served under, where the spec says it; else the worker's own default counts.
  [[ -z $MODEL_NAME ]] || echo "ModelName=$MODEL_NAME"
  echo "Mode=$MODE"
  echo "PolicyLocation=$(policy_location)"
}

# One task for every 16 requests that the endpoint takes at once: more tasks would only move the queue.
parameters_of_worker_ecs() {
  worker_parameters
  echo "Subnets=$SUBNETS"
  echo "SecurityGroups=$SECURITY_GROUPS"
  echo "PublicIp=$PUBLIC_IP"
  echo "Spot=$SPOT"
  echo "MostTasks=$((ENDPOINT_CONCURRENCY * MOST / 16 > 1 ? ENDPOINT_CONCURRENCY * MOST / 16 : 1))"
}

parameters_of_worker_lambda() {
  worker_parameters
  echo "EndpointConcurrency=$ENDPOINT_CONCURRENCY"
  # The sweep is one more environment, and each needs a share of one request at least.
  echo "MaximumConcurrency=$((ENDPOINT_CONCURRENCY > 9 ? 8 : ENDPOINT_CONCURRENCY > 2 ? ENDPOINT_CONCURRENCY - 1 : 2))"
}

parameters_of_endpoint_autoscaling() {
  echo "EndpointName=$ENDPOINT"
  echo "ComponentName=$COMPONENT"
  echo "Least=$LEAST"
  echo "Most=$MOST"
  echo "RequestsAtOnce=$((ENDPOINT_CONCURRENCY / 2 > 1 ? ENDPOINT_CONCURRENCY / 2 : 1))"
}

parameters_of_dashboard() { echo "EndpointName=$ENDPOINT"; }

# A canary is a question each hour: an endpoint that may sleep would be woken by it.
parameters_of_observability() { echo "Canary=$([[ $LEAST -eq 0 ]] && echo DISABLED || echo ENABLED)"; }

# What AWS says of all our stacks, asked at once: a file for each fact, as stacks/foundation/output-DataKeyArn.
read_stacks() {
  cloud cloudformation describe-stacks --output json >"$MEMORY/said" \
    || fail "CloudFormation does not say which stacks there are" 254
  rm -rf "$MEMORY/stacks"
  "$PYTHON" -IS -c '
import json, pathlib, sys
folder, prefix = pathlib.Path(sys.argv[1]), sys.argv[2]
for stack in json.load(sys.stdin)["Stacks"]:
    if not stack["StackName"].startswith(prefix) or stack["StackStatus"] == "DELETE_COMPLETE":
        continue
    facts = {"status": stack["StackStatus"]}
    facts.update(("parameter-" + each["ParameterKey"], each["ParameterValue"]) for each in stack.get("Parameters", ()))
    facts.update(("output-" + each["OutputKey"], each["OutputValue"]) for each in stack.get("Outputs", ()))
    facts.update(("content", each["Value"]) for each in stack.get("Tags", ()) if each["Key"] == "autocloudops:content")
    place = folder / stack["StackName"].removeprefix(prefix)
    place.mkdir(parents=True)
    for name, value in facts.items():
        (place / name).write_text(value)
' "$MEMORY/stacks" "$PREFIX-" <"$MEMORY/said"
}

# One fact about a stack; nothing where it is not known.
stack_fact() { cat "$MEMORY/stacks/$1/$2" 2>/dev/null || true; }

stack_status() {
  local status
  status=$(stack_fact "$1" status)
  echo "${status:-absent}"
}

# An output of a stack; where the stack is not there yet, a word that says what belongs there.
output_of() {
  local said
  said=$(stack_fact "$1" "output-$2")
  echo "${said:-OUTPUT-$2-OF-$PREFIX-$1}"
}

# The digest of what a stack is made of: template, runbooks and parameters.
content_of() {
  {
    cat "$TEMPLATES/$1.yaml"
    if [[ $1 == runbooks ]]; then cat "$ROOT"/infrastructure/runbooks/*.yaml; fi
    parameters_of "$1"
  } | sha256
}

# create, update, keep, wait, repair or unwind: what applying would do to a stack. One in review has a change set that
# was never begun; one whose creation failed can only be made anew, and one whose update failed goes back first.
stack_action() {
  local status
  status=$(stack_status "$1")
  case $status in
    absent | REVIEW_IN_PROGRESS) echo create ;;
    *_IN_PROGRESS) echo wait ;;
    UPDATE_ROLLBACK_FAILED) echo unwind ;;
    ROLLBACK_COMPLETE | ROLLBACK_FAILED | CREATE_FAILED | DELETE_FAILED) echo repair ;;
    *) [[ $(stack_fact "$1" content) == "$(content_of "$1")" ]] && echo keep || echo update ;;
  esac
}

apply_stack() {
  local action
  action=$(stack_action "$1")
  say "stack $PREFIX-$1: $action"
  case $action in
    keep) return ;;
    wait) settle_stacks "$1"; apply_stack "$1"; return ;;
    unwind) unwind_stack "$1" ;;
    repair) remove_stacks "$1" ;;
  esac
  deploy_stack "$1"
}

deploy_stack() {
  local template=$TEMPLATES/$1.yaml overrides=() line
  while IFS= read -r line; do overrides+=("$line"); done < <(parameters_of "$1")
  [[ "${overrides[*]}" != *OUTPUT-*-OF-* ]] || fail "the stack $PREFIX-$1 lacks outputs of others: ${overrides[*]}" 254
  if [[ $1 == runbooks ]]; then
    template=$MEMORY/runbooks.yaml
    cloud cloudformation package --template-file "$TEMPLATES/runbooks.yaml" --s3-bucket "$(uploads_bucket)" \
      --s3-prefix runbooks --output-template-file "$template" >/dev/null || fail "the runbooks were not uploaded" 254
  fi
  cloud cloudformation deploy --stack-name "$PREFIX-$1" --template-file "$template" \
    --parameter-overrides "${overrides[@]}" --capabilities CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND \
    --tags "autocloudops:content=$(content_of "$1")" "autocloudops:own=$PREFIX" \
    --no-fail-on-empty-changeset >&2 || explain_stack "$1"
  # Only of these do others need outputs.
  if [[ $1 == foundation || $1 == image ]]; then read_stacks; fi
}

explain_stack() {
  cloud cloudformation describe-stack-events --stack-name "$PREFIX-$1" --output text \
    --query "StackEvents[?contains(ResourceStatus, 'FAILED')].[LogicalResourceId, ResourceStatusReason]" >&2 || true
  fail "the stack $PREFIX-$1 is not as it should be; put right what it says above, and run the same command again" 254
}

# Waits until nothing goes on in any of these.
settle_stacks() {
  local each
  for each in "$@"; do
    while [[ $(stack_status "$each") == *_IN_PROGRESS && $(stack_status "$each") != REVIEW_IN_PROGRESS ]]; do
      say "stack $PREFIX-$each is $(stack_status "$each")"
      sleep "$POLL_SECONDS"
      read_stacks
    done
  done
}

unwind_stack() {
  cloud cloudformation continue-update-rollback --stack-name "$PREFIX-$1" || explain_stack "$1"
  read_stacks
  settle_stacks "$1"
  [[ $(stack_status "$1") == UPDATE_ROLLBACK_COMPLETE ]] || explain_stack "$1"
}

# Stacks that do not need each other are deleted at the same time.
remove_stacks() {
  local each there=()
  for each in "$@"; do
    if [[ $(stack_status "$each") != absent ]]; then there+=("$each"); fi
  done
  [[ ${#there[@]} -gt 0 ]] || return 0
  settle_stacks "${there[@]}"
  for each in "${there[@]}"; do
    say "stack $PREFIX-$each: delete"
    cloud cloudformation delete-stack --stack-name "$PREFIX-$each" || explain_stack "$each"
  done
  read_stacks
  settle_stacks "${there[@]}"
  for each in "${there[@]}"; do
    [[ $(stack_status "$each") == absent ]] || explain_stack "$each"
  done
}
