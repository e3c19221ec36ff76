# shellcheck shell=bash
# The worker's image: named, found in the repository, or built where a builder is.

SOURCE=(worker sagemaker infrastructure pyproject.toml constraints.txt README.md LICENSE)

# The image's tag is what it is made of, so that the same source is never built twice.
image_tag() { remember image-tag source_digest; }

source_digest() {
  (cd "$ROOT" && find "${SOURCE[@]}" -type f ! -name '*.pyc' ! -path '*/deploy/*' -print0 | LC_ALL=C sort -z \
    | xargs -0 cat) | sha256 | cut -c1-16
}

image_uri() {
  [[ -n $IMAGE ]] && { echo "$IMAGE"; return; }
  echo "$(output_of image RepositoryUri):$(image_tag)"
}

image_is_there() {
  [[ -n $IMAGE ]] && return
  [[ -n $(ask ecr describe-images --repository-name "$PREFIX" --image-ids "imageTag=$(image_tag)" \
    --query "imageDetails[0].imageDigest" 2>/dev/null) ]]
}

ensure_image() {
  if image_is_there; then
    say "image: $(image_uri) is there"
    return
  fi
  local builder
  for builder in docker podman finch; do
    if command -v "$builder" >/dev/null && "$builder" info >/dev/null 2>&1; then
      build_here "$builder"
      return
    fi
  done
  build_remotely
}

build_here() {
  local uri
  uri=$(image_uri)
  say "image: built by $1, and pushed to $uri"
  # Lambda refuses an index of manifests, which buildx would push for the sake of an attestation.
  BUILDX_NO_DEFAULT_ATTESTATIONS=1 "$1" build --platform linux/amd64 --file "$ROOT/worker/Dockerfile" --tag "$uri" "$ROOT" >&2
  cloud ecr get-login-password | "$1" login --username AWS --password-stdin "${uri%%/*}" >&2
  "$1" push "$uri" >&2
}

build_remotely() {
  local build
  say "image: no builder is here, so CodeBuild builds $(image_uri)"
  upload_source
  build=$(ask codebuild start-build --project-name "$PREFIX-image" --query build.id \
    --environment-variables-override "name=TAG,value=$(image_tag),type=PLAINTEXT")
  wait_for_build "$build"
}

upload_source() {
  (cd "$ROOT" && "$PYTHON" -m zipfile -c "$MEMORY/worker.zip" "${SOURCE[@]}")
  cloud s3 cp --only-show-errors "$MEMORY/worker.zip" "s3://$(uploads_bucket)/source/worker.zip"
}

wait_for_build() {
  local status=IN_PROGRESS
  while [[ $status == IN_PROGRESS ]]; do
    sleep "$POLL_SECONDS"
    status=$(ask codebuild batch-get-builds --ids "$1" --query "builds[0].buildStatus")
    say "image: the build is $status"
  done
  [[ $status == SUCCEEDED ]] || fail "the image was not built; its log is /autocloudops/$PREFIX/build in CloudWatch" 254
}

# The policy is kept under its own digest: the worker reads it at its start, so another policy is another location.
policy_location() {
  [[ -z $POLICY ]] || echo "s3://$(uploads_bucket)/policy/$(sha256 <"$POLICY").yaml"
}

upload_policy() {
  [[ -n $POLICY ]] || return 0
  autocloudops policy check "$POLICY" >&2 || fail "the policy is wrong" 253
  cloud s3 cp --only-show-errors "$POLICY" "$(policy_location)"
}
