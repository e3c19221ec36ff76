# shellcheck shell=bash
# What is wanted, as the command line says it.
# shellcheck disable=SC2034 # the other files read these

COMMAND=plan
WORKER=ecs
MODE=dry-run
REGION="${AWS_REGION:-${AWS_DEFAULT_REGION:-}}"
PREFIX=autocloudops
ENDPOINT=""
ADOPT=false
COMPONENT=""
KEY_IN_ENVIRONMENT=false
SPEC=llm-marketplace
SETTINGS=()
CONSUMER=""
MAX_MONTHLY_USD=""
LEAST=1
MOST=1
ENDPOINT_CONCURRENCY=32
IMAGE=""
SUBNETS=""
SECURITY_GROUPS=""
PUBLIC_IP=DISABLED
SPOT=false
POLICY=""
AUDIT_LOCK=GOVERNANCE
AUDIT_LOCK_DAYS=90
OUT=""
TIMEOUT=180
YES=false

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "error: $1"
  exit "${2:-1}"
}

wrong_usage() {
  usage >&2
  fail "$1" 252
}

read_options() {
  if [[ $# -gt 0 && $1 != -* ]]; then
    COMMAND=$1
    shift
  fi
  [[ $COMMAND == help ]] && { usage; exit 0; }
  case $COMMAND in
    plan | apply | status | smoke | render | destroy) ;;
    *) wrong_usage "there is no command $COMMAND" ;;
  esac
  while [[ $# -gt 0 ]]; do
    case $1 in
      --help | -h) usage; exit 0 ;;
      --yes | --adopt | --key-in-environment | --spot | --public-ip) read_switch "$1"; shift ;;
      --*) [[ $# -gt 1 ]] || wrong_usage "$1 needs a value"; read_value "$1" "$2"; shift 2 ;;
      *) wrong_usage "$1 is not an option" ;;
    esac
  done
  check_options
}

read_switch() {
  case $1 in
    --yes) YES=true ;;
    --adopt) ADOPT=true ;;
    --key-in-environment) KEY_IN_ENVIRONMENT=true ;;
    --spot) SPOT=true ;;
    --public-ip) PUBLIC_IP=ENABLED ;;
  esac
}

read_value() {
  case $1 in
    --worker) WORKER=$2 ;;
    --mode) MODE=$2 ;;
    --region) REGION=$2 ;;
    --prefix) PREFIX=$2 ;;
    --endpoint) ENDPOINT=$2 ;;
    --component) COMPONENT=$2 ;;
    --spec) SPEC=$2 ;;
    --set) SETTINGS+=(--set "$2") ;;
    --consumer) CONSUMER=$2 ;;
    --max-monthly-usd) MAX_MONTHLY_USD=$2 ;;
    --least) LEAST=$2 ;;
    --most) MOST=$2 ;;
    --endpoint-concurrency) ENDPOINT_CONCURRENCY=$2 ;;
    --image) IMAGE=$2 ;;
    --subnets) SUBNETS=$2 ;;
    --security-groups) SECURITY_GROUPS=$2 ;;
    --policy) POLICY=$2 ;;
    --audit-lock) AUDIT_LOCK=$2 ;;
    --audit-lock-days) AUDIT_LOCK_DAYS=$2 ;;
    --out) OUT=$2 ;;
    --timeout) TIMEOUT=$2 ;;
    *) wrong_usage "$1 is not an option" ;;
  esac
}

check_options() {
  one_of --worker "$WORKER" ecs lambda
  one_of --mode "$MODE" off dry-run approve active
  one_of --audit-lock "$AUDIT_LOCK" GOVERNANCE COMPLIANCE NONE
  local each
  for each in "$LEAST" "$MOST" "$ENDPOINT_CONCURRENCY" "$AUDIT_LOCK_DAYS" "$TIMEOUT"; do
    [[ $each =~ ^[0-9]+$ ]] || wrong_usage "$each is not a number"
  done
  [[ $PREFIX =~ ^[a-z][a-z0-9-]{0,27}[a-z0-9]$ ]] || wrong_usage "--prefix: 2 to 29 lower-case letters, digits, hyphens"
  [[ -z $MAX_MONTHLY_USD || $MAX_MONTHLY_USD =~ ^[0-9]+(\.[0-9]+)?$ ]] || wrong_usage "--max-monthly-usd: a number"
  [[ $COMMAND != render || -n $OUT ]] || wrong_usage "render needs --out"
  [[ -z $POLICY || -r $POLICY ]] || wrong_usage "--policy: $POLICY cannot be read"
  ! $ADOPT || [[ -n $ENDPOINT ]] || wrong_usage "--adopt needs --endpoint"
  CONSUMER=${CONSUMER:-$PREFIX}
}

one_of() {
  local option=$1 value=$2 each
  shift 2
  for each in "$@"; do
    [[ $value == "$each" ]] && return
  done
  wrong_usage "$option: $value is none of $*"
}

# Asks on a terminal; without one, --yes has to say it.
confirm() {
  $YES && return
  [[ -t 0 ]] || fail "$1 Nobody is here to be asked: add --yes" 252
  local answer
  read -r -p "$1 [y/N] " answer
  [[ $answer == [yY]* ]] || fail "nothing was changed"
}

# An Object Lock in COMPLIANCE mode cannot be undone by anybody, so it is asked about twice.
confirm_lock() {
  [[ $AUDIT_LOCK == COMPLIANCE ]] || return 0
  [[ $(stack_fact foundation parameter-AuditLock) == COMPLIANCE ]] && return
  [[ -t 0 ]] || fail "COMPLIANCE is asked about twice, on a terminal; NONE and GOVERNANCE are not" 252
  local answer
  say "COMPLIANCE keeps every audit object for $AUDIT_LOCK_DAYS days, and you pay for it."
  say "Nobody can delete one, not even AWS."
  read -r -p "Type the number of days: " answer
  [[ $answer == "$AUDIT_LOCK_DAYS" ]] || fail "nothing was changed"
  read -r -p "Type COMPLIANCE: " answer
  [[ $answer == COMPLIANCE ]] || fail "nothing was changed"
}
