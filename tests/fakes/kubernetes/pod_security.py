"""The *restricted* Pod Security Standard, one function per control, in the standard's order [doc: pod-security-standards].

Each says what breaks it, as Pod Security admission words it [src: k8s.io/pod-security-admission/policy]; nothing where it is kept.
"""

from collections.abc import Callable, Iterator
from typing import Any

from fakes.kubernetes.state import Json

_BASELINE_CAPABILITIES = {
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
}
_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"}
_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}


def containers(pod: Json) -> list[Json]:
    """All containers of a pod's spec."""
    return [*pod.get("initContainers", []), *pod.get("containers", []), *pod.get("ephemeralContainers", [])]


def _security(pod_or_container: Json) -> Json:
    found: Json = pod_or_container.get("securityContext") or {}
    return found


def _some(pod: Json, breaks: Callable[[Json], bool]) -> str:
    """The names of the containers that break something."""
    found = [f'"{container["name"]}"' for container in containers(pod) if breaks(container)]
    return f"container{'s' if len(found) > 1 else ''} {', '.join(found)}" if found else ""


def _host_process(pod: Json) -> str:
    def on(at: Json) -> bool:
        return bool((_security(at).get("windowsOptions") or {}).get("hostProcess"))

    return "hostProcess" if on(pod) or _some(pod, on) else ""


def _host_namespaces(pod: Json) -> str:
    shared = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name)]
    return f"host namespaces ({', '.join(shared)})" if shared else ""


def _privileged(pod: Json) -> str:
    found = _some(pod, lambda one: bool(_security(one).get("privileged")))
    return f"privileged ({found} must not set securityContext.privileged=true)" if found else ""


def _baseline_capabilities(pod: Json) -> str:
    found = _some(
        pod, lambda one: not set((_security(one).get("capabilities") or {}).get("add") or []) <= _BASELINE_CAPABILITIES
    )
    return f"non-default capabilities ({found} must not add them)" if found else ""


def _host_paths(pod: Json) -> str:
    found = [f'"{volume["name"]}"' for volume in pod.get("volumes", []) if "hostPath" in volume]
    return f"hostPath volumes (volume {', '.join(found)})" if found else ""


def _host_ports(pod: Json) -> str:
    found = _some(pod, lambda one: any(port.get("hostPort") for port in one.get("ports") or []))
    return f"hostPort ({found} uses a hostPort)" if found else ""


def _app_armor(pod: Json) -> str:
    def off(at: Json) -> bool:
        return bool((_security(at).get("appArmorProfile") or {}).get("type") == "Unconfined")

    return "forbidden AppArmor profile (unconfined)" if off(pod) or _some(pod, off) else ""


def _selinux(pod: Json) -> str:
    kept = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}

    def odd(at: Json) -> bool:
        options = _security(at).get("seLinuxOptions") or {}
        return options.get("type", "") not in kept or bool(options.get("user") or options.get("role"))

    return "seLinuxOptions (forbidden user, role or type)" if odd(pod) or _some(pod, odd) else ""


def _proc_mount(pod: Json) -> str:
    found = _some(pod, lambda one: _security(one).get("procMount", "Default") != "Default")
    return f"procMount ({found} must not set securityContext.procMount)" if found else ""


def _baseline_seccomp(pod: Json) -> str:
    def off(at: Json) -> bool:
        return bool((_security(at).get("seccompProfile") or {}).get("type") == "Unconfined")

    return "seccompProfile (must not be Unconfined)" if off(pod) or _some(pod, off) else ""


def _sysctls(pod: Json) -> str:
    found = {one["name"] for one in _security(pod).get("sysctls") or []} - _SYSCTLS
    return f"forbidden sysctls ({', '.join(sorted(found))})" if found else ""


def _volume_types(pod: Json) -> str:
    odd = [f'"{volume["name"]}"' for volume in pod.get("volumes", []) if not (set(volume) - {"name"}) <= _VOLUMES]
    return f"restricted volume types (volume {', '.join(odd)})" if odd else ""


def _escalation(pod: Json) -> str:
    found = _some(pod, lambda one: _security(one).get("allowPrivilegeEscalation") is not False)
    return (
        f"allowPrivilegeEscalation != false ({found} must set securityContext.allowPrivilegeEscalation=false)" if found else ""
    )


def _non_root(pod: Json) -> str:
    usual = _security(pod).get("runAsNonRoot")
    found = _some(pod, lambda one: _security(one).get("runAsNonRoot", usual) is not True)
    return f"runAsNonRoot != true (pod or {found} must set securityContext.runAsNonRoot=true)" if found else ""


def _root_user(pod: Json) -> str:
    def root(at: Json) -> bool:
        return _security(at).get("runAsUser") == 0

    return "runAsUser=0 (must not set runAsUser=0)" if root(pod) or _some(pod, root) else ""


def _seccomp(pod: Json) -> str:
    def kind(at: Json, usual: Any) -> Any:
        return (_security(at).get("seccompProfile") or {}).get("type", usual)

    usual = kind(pod, None)
    found = _some(pod, lambda one: kind(one, usual) not in ("RuntimeDefault", "Localhost"))
    return (
        f'seccompProfile (pod or {found} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
        if found
        else ""
    )


def _capabilities(pod: Json) -> str:
    def odd(one: Json) -> bool:
        capabilities = _security(one).get("capabilities") or {}
        return "ALL" not in (capabilities.get("drop") or []) or not set(capabilities.get("add") or []) <= {"NET_BIND_SERVICE"}

    found = _some(pod, odd)
    return f'unrestricted capabilities ({found} must set securityContext.capabilities.drop=["ALL"])' if found else ""


CONTROLS: dict[str, Callable[[Json], str]] = {
    "HostProcess": _host_process,
    "Host namespaces": _host_namespaces,
    "Privileged containers": _privileged,
    "Capabilities (baseline)": _baseline_capabilities,
    "HostPath volumes": _host_paths,
    "Host ports": _host_ports,
    "AppArmor": _app_armor,
    "SELinux": _selinux,
    "/proc mount type": _proc_mount,
    "Seccomp (baseline)": _baseline_seccomp,
    "Sysctls": _sysctls,
    "Volume types": _volume_types,
    "Privilege escalation": _escalation,
    "Running as non-root": _non_root,
    "Running as non-root user": _root_user,
    "Seccomp": _seccomp,
    "Capabilities": _capabilities,
}


def violations(pod: Json) -> Iterator[str]:
    """What of a pod's spec breaks the standard."""
    for broken in (control(pod) for control in CONTROLS.values()):
        if broken:
            yield broken
