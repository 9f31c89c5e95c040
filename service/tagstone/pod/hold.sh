# Holds the author's command: the first process of its container, run by a static busybox that our own container brought along, so that
# the image needs no shell.
#
# Usage: busybox sh hold.sh UMASK -- COMMAND...
#
# Waits for the keeper, begins the command, measures what it uses, ends it when the keeper says so, and notes its end. The folder `tools`,
# where this file lies, is ours and read-only here; `control` can be written by the author's code as well, and the keeper believes it no
# more than that.
umask "$1"
shift 2
tools=${0%/*}
control=${TAGSTONE_CONTROL:-/tagstone/control}
unset TAGSTONE_CONTROL
box=$tools/busybox
# What the cluster puts into every environment is no part of the run's: it would differ from one cluster to the next.
for name in $("$box" env | "$box" sed -n 's/^\(KUBERNETES_[A-Z0-9_]*\)=.*/\1/p'); do
    unset "$name"
done
patience=600
. "$tools/settings"
ulimit -c 0
ulimit -f "$blocks"

groups=/sys/fs/cgroup
told="memory/memory.usage_in_bytes memory/memory.max_usage_in_bytes memory/memory.stat memory/memory.oom_control cpuacct/cpuacct.usage
    memory.current memory.peak memory.stat memory.events cpu.stat"
limits="memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us pids/pids.max memory.max cpu.max pids.max"

# One note in the control folder, whole or not there: note NAME < TEXT
note() {
    "$box" cat >"$control/$1.new" && "$box" mv -f "$control/$1.new" "$control/$1"
}

# What the kernel counts, each line behind the name of its file.
count() {
    (cd "$groups" && "$box" grep -s '' /dev/null $told) | note usage
}

grant() {
    (
        cd "$groups" && "$box" grep -s '' /dev/null $limits $told
        "$box" grep -s '' /dev/null /proc/self/status /proc/driver/nvidia/version /proc/driver/nvidia/gpus/*/information
        for device in /dev/nvidia[0-9]*; do
            [ -e "$device" ] && echo "device:$device"
        done
        if smi=$(place nvidia-smi); then
            "$box" timeout 10 "$smi" --query-gpu=name,driver_version --format=csv,noheader | "$box" sed 's/^/nvidia-smi:/'
        fi
    ) 2>/dev/null | note granted
}

# Where a command is, by the same rules as in any container: nothing of this shell's own is ever taken for it.
place() {
    case $1 in
        */*) [ -f "$1" ] && echo "$1" && return ;;
        *)
            local IFS=:
            for folder in $PATH; do
                [ -f "${folder:-.}/$1" ] && [ -x "${folder:-.}/$1" ] && echo "${folder:-.}/$1" && return
            done
            ;;
    esac
    return 1
}

# All that is left of the author's processes: nothing may write any more when the outputs are read.
sweep() {
    # In a container everything else in sight is the author's; outside of one, in tests, it is not.
    [ $$ = 1 ] && kill -KILL -1 2>/dev/null
    # The author's code may have written there what it likes, and "-1" would be everybody.
    case $1 in '' | *[!0-9]* | 0* | 1) return ;; esac
    kill -KILL "-$1" 2>/dev/null
}

heed() {
    main=$("$box" cat "$control/main")
    kill -TERM "$main" 2>/dev/null
    "$box" sleep "$grace"
    sweep "$main"
}

watch() {
    while :; do
        count
        [ -e "$tools/end" ] && heed
        # Without its folder it would never sleep again.
        "$box" sleep 1 || return
    done
}

refuse() {
    echo "$2" | note unstarted
    echo "$1" | note ended
    exit "$1"
}

# Held open by us as well: whatever becomes of the keeper, the command is not ended by a broken pipe.
exec 3<>"$control/log" </dev/null
waited=0
until [ -e "$tools/ready" ]; do
    [ "$waited" -ge $((patience * 20)) ] && refuse 125 "The container beside it did not begin in time."
    waited=$((waited + 1))
    "$box" sleep 0.05
done
program=$(place "$1") || refuse 127 "There is no program $1 in the image."
[ -x "$program" ] || refuse 126 "$1 may not be executed in the image."
shift
grant
echo | note started
watch >/dev/null 2>&1 3>&- &
watcher=$!
# A session of its own, so that all of it can be ended; busybox's own variables are no part of the run's environment.
# In a shell of its own as well: this one would write how a signal ended it, and into the same log.
(
    exec "$box" setsid "$box" sh -c 'echo $$ >"$0" && exec "$@"' "$control/main" \
        "$box" env -u SHLVL -u PWD -u OLDPWD "$program" "$@" >"$control/log" 2>&1 3>&-
)
code=$?
kill -KILL "$watcher" 2>/dev/null
sweep "$("$box" cat "$control/main")"
count
echo "$code" | note ended
exit "$code"
