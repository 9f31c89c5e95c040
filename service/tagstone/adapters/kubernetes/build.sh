# Builds one environment in a pod: the command of a build's Job, in the image of deploy/builder. It begins as nobody in particular, and goes on
# as root of a user namespace of its own.
#
# Usage: sh build.sh WORKSPACE STORAGE
#
# WORKSPACE holds what was brought (`settings`, `Containerfile`, `context.tar`, `bases/N` as OCI layouts, maybe `ca.pem`) and, in the end,
# `root.tar` and `image.json`. What the author's code leaves in STORAGE goes with the pod.
set -u
workspace=$1
storage=$2/build
cd "$workspace" || exit 121
. ./settings
# What a cluster's volumes hand down to folders in them would get into the image.
mkdir -p "$storage" && chmod g-s "$storage" || exit 121
export HOME="$storage/home" TMPDIR="$storage/tmp" XDG_RUNTIME_DIR="$storage/run" BUILDAH_ISOLATION=chroot
mkdir -p "$HOME" "$TMPDIR" "$XDG_RUNTIME_DIR" "$storage/context" || exit 121

if [ "${3:-}" != inside ]; then
    apart() {
        buildah --root "$storage/trial" --runroot "$storage/trial-run" --storage-driver vfs unshare "$@"
    }
    # Where ids cannot be mapped buildah goes on with its own alone, in which no package can be installed.
    if ! said=$(apart sh -c '[ "$(wc -l </proc/self/uid_map)" -gt 1 ]' 2>&1); then
        echo "$said"
        echo "A user namespace with ids of its own could not be made."
        exit 120
    fi
    apart sh "$0" "$workspace" "$2" inside
    exit $?
fi

# Overlay where it works here, else vfs, which copies the root for each image.
plain() {
    buildah --root "$storage/$driver" --runroot "$storage/$driver-run" --storage-driver "$driver" "$@"
}
driver=overlay
plain from --name trial scratch >/dev/null 2>&1 && plain mount trial >/dev/null 2>&1 || driver=vfs
plain rm --all >/dev/null 2>&1

tar --extract --preserve-permissions --no-same-owner --file context.tar --directory "$storage/context" || exit 121
for base in bases/*; do
    [ -d "$base" ] || continue
    image=$(plain pull --quiet "oci:$workspace/$base") || exit 121
    plain tag "$image" "localhost/tagstone:base${base#bases/}" || exit 121
done

set -- --pull-never --no-cache --layers=false --force-rm --format oci --isolation chroot --network host
[ -e ca.pem ] && set -- "$@" --volume "$workspace/ca.pem:$ca:ro"
if ! plain bud --file Containerfile --tag localhost/tagstone:result "$@" "$storage/context"; then
    # Whatever the author's code ended with: the other numbers are ours.
    exit 1
fi

plain inspect --type image localhost/tagstone:result >image.json || exit 121
plain from --pull-never --name result localhost/tagstone:result >/dev/null || exit 121
root=$(plain mount result) || exit 121
# Times never enter a layer; left in, they would cost every file a header of its own, and reading those takes longest.
tar --create --format=pax --numeric-owner --mtime=@0 --pax-option=delete=atime,delete=ctime,delete=mtime \
    --xattrs --xattrs-include=security.capability --one-file-system --directory="$root" --file root.tar . || exit 121
