#!/bin/sh
# What `tagstone publish` does, as a careful person does it by hand: code, image, run, outputs, checksums, deposit.
# Usage: by_hand.sh REPOSITORY TAG BASE RECIPE CA DRIVER PLACE COMMAND...
# BASE is an OCI layout, RECIPE a Containerfile that stands on localhost/base:here; times of build and run go to PLACE/times.
set -eu
repository=$1 tag=$2 base=$3 recipe=$4 ca=$5 driver=$6 place=$7
shift 7
now() { date +%s.%N >>"$place/times"; }
storage() { program=$1 && shift && "$program" --root "$place/storage" --runroot "$place/state" --storage-driver "$driver" "$@"; }

mkdir -p "$place/code" "$place/workspace" "$place/bundle/outputs" "$place/deposit"
git -C "$repository" archive --output "$place/bundle/code.tar" "$tag"
tar -xf "$place/bundle/code.tar" -C "$place/code"
tar -xf "$place/bundle/code.tar" -C "$place/workspace"

storage buildah tag "$(storage buildah pull --quiet "oci:$base")" localhost/base:here
now
storage buildah bud --isolation chroot --network host --pull-never --no-cache --layers=false --volume "$ca:/.tagstone/ca.pem:ro" \
    --file "$recipe" --tag localhost/environment:here "$place/code"
now
container=$(storage buildah from --pull-never localhost/environment:here)
storage buildah copy "$container" "$place/code" /workspace
storage buildah commit "$container" localhost/image:here
storage buildah push --quiet --disable-compression localhost/image:here "oci:$place/bundle/image:$tag"

# What is run is what is archived, not what happens to lie in the builder's storage.
chmod -R a+rwX "$place/workspace"
run() { podman --root "$place/runs" --runroot "$place/runs-state" --storage-driver "$driver" --cgroup-manager cgroupfs --runtime runc "$@"; }
image=$(run pull --quiet "oci:$place/bundle/image:$tag")
now
run run --network none --read-only --user 65532 --workdir /workspace --volume "$place/workspace:/workspace" \
    --env HOME=/workspace/.home "$image" "$@" >"$place/bundle/run.log" 2>&1
now

cp -R "$place/workspace/results" "$place/bundle/outputs/"
cd "$place/bundle"
find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum >../SHA256SUMS
mv ../SHA256SUMS .
cp -R . "$place/deposit"
cd "$place/deposit"
sha256sum --check --quiet SHA256SUMS
