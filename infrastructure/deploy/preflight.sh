# shellcheck shell=bash
# What can be known before anything is changed.

preflight() {
  [[ $WORKER == lambda || (-n $SUBNETS && -n $SECURITY_GROUPS) ]] \
    || fail "the worker on ECS needs --subnets and --security-groups" 252
  [[ $LEAST -le $MOST ]] || fail "--least $LEAST is more than --most $MOST" 252
  require_account
  read_stacks
  require_key
  look_at_endpoint
  [[ $LEAST -gt 0 || -n $COMPONENT ]] || fail "only an inference component sleeps; choose a --spec with one" 252
  [[ -z $REFUSAL ]] || fail "$REFUSAL"
  check_cost
}

# Only one route needs the NGC key, and without it nothing can be planned. Its secret comes with the foundation, so a
# first deployment on that route is in two steps.
require_key() {
  local advice="put the NGC key there with \`autocloudops endpoint key --secret $PREFIX/ngc\`, and run the same command again"
  ! $KEY_IN_ENVIRONMENT || key_is_there && return
  if [[ $COMMAND == apply ]]; then
    confirm "Make the secret $PREFIX/ngc, with the rest of the stack $PREFIX-foundation?"
    apply_stack foundation
  fi
  [[ $(stack_status foundation) != absent ]] || advice="\`apply\` makes it; then $advice"
  fail "the secret $PREFIX/ngc is empty or not there: $advice" 253
}

key_is_there() {
  [[ -n $(ask secretsmanager describe-secret --secret-id "$PREFIX/ngc" 2>/dev/null \
    --query "keys(not_null(VersionIdsToStages, \`{}\`))[0]") ]]
}

check_cost() {
  [[ -n $MAX_MONTHLY_USD ]] || return 0
  local usd
  usd=$(endpoint_costs | awk -F'\t' '$1 == "always on" {print $2}')
  [[ -n $usd ]] || fail "nobody knows what this endpoint costs, so it may be more than --max-monthly-usd"
  awk -v usd="$usd" -v most="$MAX_MONTHLY_USD" 'BEGIN {exit usd > most}' \
    || fail "the endpoint costs $usd USD a month, which is more than --max-monthly-usd $MAX_MONTHLY_USD"
}

ACTIONS=(cloudformation:CreateChangeSet iam:CreateRole iam:PassRole sagemaker:CreateEndpoint s3:CreateBucket
  kms:CreateKey sqs:CreateQueue dynamodb:CreateTable ecs:CreateService lambda:CreateFunction codebuild:StartBuild)

# What the caller may not do, as IAM foresees it; roles of an organisation may forbid more.
show_permissions() {
  local source=$IDENTITY denied
  if [[ $IDENTITY == *:assumed-role/* ]]; then
    source="arn:$PARTITION:iam::$ACCOUNT:role/$(cut -d/ -f2 <<<"$IDENTITY")"
  fi
  if [[ $IDENTITY == *:root ]]; then
    echo "permissions: the root user has all; deploy as a role instead"
  elif ! denied=$(ask iam simulate-principal-policy --policy-source-arn "$source" --action-names "${ACTIONS[@]}" \
    --query "EvaluationResults[?EvalDecision!='allowed'].EvalActionName" 2>/dev/null); then
    echo "permissions: not known, $source may not be asked about"
  elif [[ -n $denied ]]; then
    echo "permissions: MISSING $(tr '\t\n' '  ' <<<"$denied")"
  else
    echo "permissions: the ${#ACTIONS[@]} that matter most are there"
  fi
}
