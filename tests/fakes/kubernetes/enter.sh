# Gives a container its mounts and becomes its first process: enter.sh ROOT MOUNTS COMMAND…
# Runs in mount and process namespaces of its own. MOUNTS has a line for each mount: rw|ro SOURCE TARGET.
set -eu
root=$1 mounts=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs none "$root/sys"
mkdir -p "$root/sys/fs/cgroup"
while read -r how source target; do
    mount --bind "$source" "$root$target"
    if [ "$how" = ro ]; then mount -o remount,bind,ro "$root$target"; fi
done <"$mounts"
mount -o remount,bind,ro "$root"
exec "$@"
