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
  echo "EndpointName=$(endpoint_name)"
  echo "ComponentName=$(component_name)"
}

parameters_of_runbooks() {
  echo "StateTableArn=arn:$PARTITION:dynamodb:$REGION:$ACCOUNT:table/$PREFIX-state"
  echo "ApprovalTopicArn=arn:$PARTITION:sns:$REGION:$ACCOUNT:$PREFIX-decisions"
}

parameters_of_image() { echo "DataKeyArn=$(output_of foundation DataKeyArn)"; }

worker_parameters() {
  local component model
  component=$(component_name)
  model=$(model_name)
  echo "ImageUri=$(image_uri)"
  echo "AlarmQueueUrl=$(output_of foundation AlarmQueueUrl)"
  echo "AlarmDlqUrl=$(output_of foundation AlarmDlqUrl)"
  echo "FollowUpQueueUrl=$(output_of foundation FollowUpQueueUrl)"
  echo "FollowUpDlqUrl=$(output_of foundation FollowUpDlqUrl)"
  echo "ModelEndpoints=sagemaker://$(endpoint_name)${component:+?component=$component}"
  [[ -z $model ]] || echo "ModelName=$model"
  echo "Mode=$MODE"
  echo "PolicyLocation=$(policy_location)"
}

# A task has up to 16 questions in flight: more tasks than the endpoint takes would only move the queue.
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
  # The sweep is one more environment, so one share stays free.
  echo "MaximumConcurrency=$((ENDPOINT_CONCURRENCY > 9 ? 8 : ENDPOINT_CONCURRENCY > 2 ? ENDPOINT_CONCURRENCY - 1 : 2))"
}

parameters_of_endpoint_autoscaling() {
  echo "EndpointName=$(endpoint_name)"
  echo "ComponentName=$(component_name)"
  echo "Least=$LEAST"
  echo "Most=$MOST"
  echo "RequestsAtOnce=$((ENDPOINT_CONCURRENCY / 2 > 1 ? ENDPOINT_CONCURRENCY / 2 : 1))"
}

parameters_of_dashboard() { echo "EndpointName=$(endpoint_name)"; }

parameters_of_observability() {
  echo "Digests=$([[ $WORKER == ecs ]] && echo true || echo false)"
}


# What AWS says of a stack, or an empty document where it is not there.
stack_json() { remember "stack-$1" read_stack "$1"; }

read_stack() {
  cloud cloudformation describe-stacks --stack-name "$PREFIX-$1" --output json 2>"$MEMORY/error" && return
  grep -q "does not exist" "$MEMORY/error" || fail "$(cat "$MEMORY/error")" 254
  echo '{}'
}

stack_status() {
  local status
  status=$(stack_json "$1" | field Stacks.0.StackStatus)
  [[ -n $status && $status != DELETE_COMPLETE ]] || status=absent
  echo "$status"
}

stack_parameter() { stack_json "$1" | field "Stacks.0.Parameters.ParameterKey=$2.ParameterValue"; }

stack_tag() { stack_json "$1" | field "Stacks.0.Tags.Key=autocloudops:content.Value"; }

# An output of a stack; where the stack is not there yet, a word that says what belongs there.
output_of() {
  local said
  said=$(stack_json "$1" | field "Stacks.0.Outputs.OutputKey=$2.OutputValue")
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

# create, update, repair or keep: what applying would do to a stack.
stack_action() {
  local status
  status=$(stack_status "$1")
  case $status in
    absent) echo create ;;
    *_IN_PROGRESS) echo wait ;;
    ROLLBACK_COMPLETE | CREATE_FAILED | DELETE_FAILED | *ROLLBACK_FAILED) echo repair ;;
    *) [[ $(stack_tag "$1") == "$(content_of "$1")" ]] && echo keep || echo update ;;
  esac
}

apply_stack() {
  local action
  action=$(stack_action "$1")
  say "stack $PREFIX-$1: $action"
  case $action in
    keep) return ;;
    wait) settle_stack "$1"; apply_stack "$1"; return ;;
    repair) remove_stack "$1" ;;
  esac
  deploy_stack "$1"
}

deploy_stack() {
  local template=$TEMPLATES/$1.yaml packaged="" overrides=() line
  while IFS= read -r line; do overrides+=("$line"); done < <(parameters_of "$1")
  [[ "${overrides[*]}" != *OUTPUT-*-OF-* ]] || fail "the stack $PREFIX-$1 lacks outputs of others: ${overrides[*]}" 254
  if [[ $1 == runbooks ]]; then
    packaged=$(mktemp)
    template=$packaged
    cloud cloudformation package --template-file "$TEMPLATES/runbooks.yaml" --s3-bucket "$(uploads_bucket)" \
      --s3-prefix runbooks --output-template-file "$packaged" >/dev/null
  fi
  cloud cloudformation deploy --stack-name "$PREFIX-$1" --template-file "$template" \
    --parameter-overrides "${overrides[@]}" --capabilities CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND \
    --tags "autocloudops:content=$(content_of "$1")" --no-fail-on-empty-changeset >&2 || explain_stack "$1"
  [[ -z $packaged ]] || rm -f "$packaged"
  forget "stack-$1"
}

explain_stack() {
  cloud cloudformation describe-stack-events --stack-name "$PREFIX-$1" --output text \
    --query "StackEvents[?contains(ResourceStatus, 'FAILED')].[LogicalResourceId, ResourceStatusReason]" >&2 || true
  fail "the stack $PREFIX-$1 was not deployed; put right what it says above, and run the same command again" 254
}

settle_stack() {
  local status
  while status=$(stack_status "$1") && [[ $status == *_IN_PROGRESS ]]; do
    say "stack $PREFIX-$1 is $status"
    sleep 5
    forget "stack-$1"
  done
}

remove_stack() {
  [[ $(stack_status "$1") == absent ]] && return
  say "stack $PREFIX-$1: delete"
  cloud cloudformation delete-stack --stack-name "$PREFIX-$1"
  cloud cloudformation wait stack-delete-complete --stack-name "$PREFIX-$1" || explain_stack "$1"
  forget "stack-$1"
}
