#!/bin/sh
# Runs the recorded analysis again from this bundle, and compares every output by its checksum.
#
#   sh reproduce.sh [--tool podman|docker|buildah|umoci] [--no-limits] [--keep]
#
# --tool       which program runs the image; default: the first that is there
# --no-limits  hold the run to no processors, memory or processes (for machines that cannot)
# --keep       leave the new workspace behind and say where it is
#
# Ends with 0: identical, 1: different, 2: it could not be run (the last line says why).
# Where nothing was run, the image is loaded; where outputs were made elsewhere, the recorded check is run: 0 is well.
# Needs a POSIX shell, the usual commands beside it (tar, sha256sum), and one of podman, docker, buildah, or
# skopeo with umoci and runc. The network is used for what is not in here (inputs, the image), and where the run had it.
# Where more.tar is beside this file, what it holds is unpacked here first.
# The image stays with the tool.
set -eu
export LC_ALL=C
umask 022

# What was recorded. Every value is one quoted word.
#@RECORDED@

work=
name=tagstone-reproduce-$$
limits=yes keep=no tool=

exec 3>&1 4>&2 # what the tools write goes elsewhere
say() { printf '%s\n' "$*" >&3; }
fail() {
  printf 'reproduce.sh: %s\n' "$*" >&4
  exit 2
}
have() { command -v "$1" >/dev/null 2>&1; }

remove_container() {
  case $tool in
    podman | docker) "$tool" rm --force "$name" >/dev/null 2>&1 || : ;;
    buildah) buildah rm "$name" >/dev/null 2>&1 || : ;;
    umoci) "$runtime" delete --force "$name" >/dev/null 2>&1 || : ;;
  esac
}

clean() {
  status=$?
  trap - EXIT
  remove_container
  if [ -n "$work" ]; then
    if [ "$keep" = yes ]; then
      for folder in "$work"/workspace*; do
        if [ -d "$folder" ]; then say "The new workspace is $folder"; fi
      done
    elif ! rm -rf "$work" 2>/dev/null; then
      # Files of other users inside a rootless container belong to numbers that only its namespace may remove.
      podman unshare rm -rf "$work" 2>/dev/null || say "Could not remove all of $work"
    fi
  fi
  exit "$status"
}

options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --tool)
        [ $# -gt 1 ] || fail "--tool needs a name: podman, docker, buildah or umoci."
        tool=$2
        shift
        ;;
      --no-limits) limits=no ;;
      --keep) keep=yes ;;
      *) fail "unknown option; the first lines of this file say what there is." ;;
    esac
    shift
  done
}

find_tool() {
  if have runc; then runtime=runc; elif have crun; then runtime=crun; else runtime=; fi
  if [ -n "$tool" ]; then
    case $tool in
      podman | docker | buildah) have "$tool" || fail "$tool is not on this machine." ;;
      umoci) have umoci && have skopeo && [ -n "$runtime" ] || fail "this way needs skopeo, umoci, and runc or crun." ;;
      *) fail "--tool takes podman, docker, buildah or umoci." ;;
    esac
  elif have podman; then tool=podman
  elif have docker && docker version >/dev/null 2>&1; then tool=docker
  elif have buildah; then tool=buildah
  elif have umoci && have skopeo && [ -n "$runtime" ]; then tool=umoci
  else
    fail "no tool that runs OCI images is here. Install podman (or docker, buildah, or skopeo with umoci and runc), then run this again."
  fi
}

unpack() { # what the depository took only as one file
  [ -f more.tar ] || return 0
  while IFS= read -r line; do
    if [ ! -e "${line#*  }" ]; then
      tar -xf more.tar 2>&4 || fail "more.tar cannot be unpacked here."
      return 0
    fi
  done <SHA256SUMS
}

check_bundle() {
  have sha256sum || fail "sha256sum is not on this machine (Debian: coreutils)."
  have tar || fail "tar is not on this machine."
  unpack
  if ! sha256sum -c SHA256SUMS >"$work/sums" 2>"$work/sums.err"; then
    while IFS= read -r line; do
      case $line in
        *': OK') ;;
        *) say "  $line" ;;
      esac
    done <"$work/sums"
    fail "this bundle is not as it was archived; take it again from where it is kept."
  fi
  say "The bundle is as it was archived."
}

fetch_input() { # path, sha256, address (or nothing), page (or nothing): an input that is not in this bundle
  if [ -f "inputs/$1" ]; then
    fetched=inputs/$1 # put there by hand
  elif [ -n "$3" ]; then
    fetched=$work/fetched
    say "Fetching the input $1 from $3"
    if have curl; then
      curl --fail --location --silent --show-error --output "$fetched" "$3" 2>&4 || fetch_failed "$@"
    elif have wget; then
      wget -q -O "$fetched" "$3" 2>&4 || fetch_failed "$@"
    else
      fail "the input $1 has to be fetched, and neither curl nor wget is here. Put it at inputs/$1, then run this again."
    fi
  else
    fetch_failed "$@"
  fi
  sum=$(sha256sum <"$fetched" | cut -c 1-64)
  [ "$sum" = "$2" ] || fail "the input $1 is not the recorded one: its sha256 is $sum, not $2."
  lay_input "$1" "$fetched"
}

fetch_failed() {
  where=${4:+ from $4}
  fail "the input $1 is not in this bundle and could not be fetched. Get it$where, put it at inputs/$1, then run this again."
}

lay_input() { # path, file: over the code, and never through a link in it
  folder=$1
  while [ "$folder" != "${folder%/*}" ]; do
    folder=${folder%/*}
    if [ -L "$work/workspace/$folder" ]; then fail "the input $1 lies behind a link of the code."; fi
  done
  if [ "$folder" != "$1" ]; then mkdir -p "$work/workspace/${1%/*}"; fi
  rm -f "$work/workspace/$1"
  cp "$2" "$work/workspace/$1"
}

fresh_workspace() {
  mkdir "$work/workspace"
  tar -xf code.tar -C "$work/workspace"
  while IFS= read -r line; do
    case $line in
      *'  inputs/'*) lay_input "${line#*  inputs/}" "${line#*  }" ;;
    esac
  done <SHA256SUMS
  recorded_inputs
  for folder in .home .tmp; do
    rm -rf "$work/workspace/$folder"
    mkdir "$work/workspace/$folder"
  done
  chmod -R a+rwX "$work/workspace"
  chmod 755 "$work"
}

limited() { # the command, ended when the recorded time is over
  if have timeout; then
    timeout "$recorded_seconds" "$@"
  else
    "$@"
  fi
}

# Who the run is inside: never root; a user without root is themselves, so that they can remove what the run leaves.
inside_user() {
  if [ "$(id -u)" = 0 ]; then printf 65532:65532; else printf '%s:%s' "$(id -u)" "$(id -g)"; fi
}

with_podman() {
  if [ -n "$recorded_address" ]; then
    image=$(podman pull --quiet "$recorded_address") || not_pulled
  else
    image=$(cd "$work" && podman pull --quiet "oci:$recorded_name") || fail "podman cannot load image/."
  fi
  digest=$(podman image inspect --format '{{.Digest}}' "$image")
  [ "$digest" = "$recorded_digest" ] || fail "podman loaded $digest, not $recorded_digest."
  [ "$recorded_mode" != load ] || return 0
  set -- podman run --name "$name" --pull never --security-opt label=disable
  if [ "$recorded_gpus" != 0 ]; then set -- "$@" --device nvidia.com/gpu=all; fi
  if [ "$(id -u)" != 0 ]; then set -- "$@" --userns keep-id; fi
  contained "$@"
}

not_pulled() {
  fail "the image is not in this bundle, and $tool cannot pull it from $recorded_address."
}

docker_load() {
  # image/ is a docker archive too: Docker before 25 does not read OCI layouts.
  tar -C image -cf - . | docker load >/dev/null || fail "docker cannot load image/."
  image=
  for id in "$recorded_config" "$recorded_digest"; do
    if docker image inspect "$id" >/dev/null 2>&1; then image=$id; fi
  done
  [ -n "$image" ] || fail "docker did not load $recorded_digest."
}

with_docker() {
  if [ -n "$recorded_address" ]; then
    image=$recorded_address
    docker pull --quiet "$image" >/dev/null || not_pulled
  else
    docker_load
  fi
  [ "$recorded_mode" != load ] || return 0
  set -- docker run --name "$name"
  if [ "$recorded_gpus" != 0 ]; then set -- "$@" --gpus "$recorded_gpus"; fi
  contained "$@"
}

contained() { # podman and docker take the same options
  set -- "$@" --hostname tagstone --read-only --cap-drop ALL --security-opt no-new-privileges --user "$(inside_user)"
  set -- "$@" --volume "$work/workspace:$recorded_workdir" --workdir "$recorded_workdir" --entrypoint ''
  set -- "$@" --volume "$work/workspace/.tmp:/tmp" --volume "$work/workspace/.tmp:/var/tmp"
  if [ "$recorded_network" = no ]; then set -- "$@" --network none; fi
  if [ "$limits" = yes ]; then
    set -- "$@" --cpus "$recorded_cpus" --memory "$recorded_memory" --memory-swap "$recorded_memory" --pids-limit "$recorded_pids"
    set -- "$@" --shm-size "$recorded_memory"
    # Told of one of these, podman sets all the others too, which not everybody may.
    if [ "$tool" = docker ]; then set -- "$@" --ulimit core=0:0 --ulimit "fsize=$recorded_disk:$recorded_disk"; fi
  fi
  recorded_run "$image" limited "$@"
}

without_gpus() {
  [ "$recorded_gpus" = 0 ] || fail "the run needs a GPU, which $tool cannot hand out; use docker or podman."
}

with_buildah() {
  without_gpus
  set -- buildah from --name "$name"
  if [ "$limits" = yes ] && [ "$recorded_mode" != load ]; then
    set -- "$@" --memory "$recorded_memory" --memory-swap "$recorded_memory" --cpu-period 100000 --cpu-quota "$recorded_cpu_quota"
  fi
  if [ -n "$recorded_address" ]; then
    "$@" "$recorded_address" >/dev/null || not_pulled
  else
    ( cd "$work" && "$@" "oci:$recorded_name" ) >/dev/null || fail "buildah cannot load image/."
  fi
  digest=$(buildah inspect --format '{{.FromImageDigest}}' "$name")
  [ "$digest" = "$recorded_digest" ] || fail "buildah loaded $digest, not $recorded_digest."
  [ "$recorded_mode" != load ] || return 0
  set -- buildah run --user "$(inside_user)" --volume "$work/workspace:$recorded_workdir" --workingdir "$recorded_workdir"
  set -- "$@" --volume "$work/workspace/.tmp:/tmp" --volume "$work/workspace/.tmp:/var/tmp" --hostname tagstone
  if [ "$recorded_network" = no ]; then set -- "$@" --network none; fi
  if [ "${BUILDAH_ISOLATION-}" = chroot ]; then say "The run is not isolated from this machine (BUILDAH_ISOLATION=chroot)."; fi
  recorded_run "$name" limited "$@"
}

with_umoci() {
  without_gpus
  [ "$(id -u)" = 0 ] || fail "umoci with $runtime needs root here; install podman, which does not."
  # skopeo computes every digest while it copies; the layers are the bundle's, which SHA256SUMS has vouched for.
  if [ -n "$recorded_address" ]; then
    skopeo copy --quiet --preserve-digests "docker://$recorded_address" "oci:$work/layout:recorded" || not_pulled
  else
    skopeo copy --quiet --preserve-digests oci:image "oci:$work/layout:recorded" || fail "skopeo cannot read image/."
  fi
  umoci unpack --image "$work/layout:recorded" "$work/container" >/dev/null || fail "umoci cannot unpack image/."
  [ "$recorded_mode" != load ] || return 0
  if [ "$limits" = yes ]; then recorded_container_limited; else recorded_container; fi >"$work/container/config.json"
  ( cd "$work/container" && limited "$runtime" run "$name" )
}

again() { # folder of a run of a matrix, or nothing where there is one run alone
  run=$1
  fresh_workspace
  say "Running ${run:-it} again with $tool."
  code=0
  "with_$tool" >"$work/run.log" 2>&1 || code=$?
  if [ "$code" != "$recorded_exit_code" ]; then
    # without what could command a terminal
    tr -d '\000-\010\013-\037\177' <"$work/run.log" | while IFS= read -r line || [ -n "$line" ]; do say "  | $line"; done
    if [ "$code" = 124 ]; then fail "the run was ended after $recorded_seconds seconds, the recorded limit."; fi
    fail "the run ended with $code, not with $recorded_exit_code as recorded. Where the tool refuses a limit, --no-limits may help."
  fi
  if [ "$recorded_mode" != check ]; then compare "${run:+$run/}"; fi
}

put_away() { # the run that has ended, to make room for the next one; its workspace goes when all have
  remove_container
  mv "$work/workspace" "$work/workspace-$1"
  rm -rf "$work/layout" "$work/container"
}

compare() { # what the paths of outputs begin with that the workspace's do not
  while IFS= read -r line; do
    case $line in
      *"  outputs/$1"*) ;;
      *) continue ;;
    esac
    path=${line#*  outputs/}
    new=$work/workspace/${path#"$1"}
    if [ -L "$new" ] || [ ! -f "$new" ]; then
      found=missing
    elif [ "$(sha256sum <"$new" | cut -c 1-64)" = "${line%%  *}" ]; then
      found=same
    else
      found=changed
    fi
    if [ $found = same ]; then
      same=$((same + 1))
    else
      differ=$((differ + 1))
      printf '  %s: %s\n' "$found" "$path" >>"$work/different"
    fi
  done <SHA256SUMS
}

options "$@"
cd "$(dirname "$0")"
work=$(mktemp -d "${TMPDIR:-/tmp}/tagstone-reproduce.XXXXXX")
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
ln -s "$(pwd)/image" "$work/$recorded_name" # podman and buildah name an image after its folder
find_tool
check_bundle
if [ "$recorded_mode" = load ]; then
  "with_$tool" >"$work/run.log" 2>&1
  say "loaded: $tool reads the image $recorded_digest"
  say "Nothing was run for this record, so there is nothing to run again or to compare."
  case $tool in podman | docker) say "Start it with: $tool run --rm -it $image" ;; esac
  exit 0
fi
same=0 differ=0
if [ -n "$recorded_runs" ]; then
  for one in $recorded_runs; do
    again "$one"
    put_away "$one"
  done
else
  again ''
fi
if [ "$recorded_mode" = check ]; then
  say "checked: the recorded check ended with $code, as recorded; the outputs were made elsewhere, not by this run"
  exit 0
fi
if [ "$differ" = 0 ]; then
  say "identical: all $same outputs have the recorded checksums"
  exit 0
fi
say "different: $same of $((same + differ)) outputs have the recorded checksums"
while IFS= read -r line; do say "$line"; done <"$work/different"
if [ "$recorded_tolerant" = yes ]; then
  say "This script compares bytes. \`tagstone reproduce\` compares values within the limits that tagstone.yml declares."
fi
exit 1
