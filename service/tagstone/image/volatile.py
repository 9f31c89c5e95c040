"""Paths that never enter an image: what engines put into every root, and what differs from one build to the next.

They are left out here, for every engine alike, so that recipes need no cleaning lines. A path named here gives no
whiteout either: what a base has there stays.
"""

from tagstone.image.tar import Kind, ancestors

# The path and all below it.
TREES = {
    "dev": "engines mount devices here and leave mount points",
    "proc": "engines mount it",
    "sys": "engines mount it",
    "run": "state of running services; engines keep secrets and .containerenv here",
    ".dockerenv": "Docker's mark of a container",
    ".tagstone": "what Tagstone mounts during a build, such as a site's CA bundle",
    "etc/hostname": "engines write the container's name",
    "etc/hosts": "engines write the container's address",
    "etc/mtab": "Docker links it to /proc/mounts",
    "etc/resolv.conf": "engines write the host's name servers",
    "etc/machine-id": "random; a new machine makes its own",
    "var/lib/dbus/machine-id": "random; a new machine makes its own",
    "root/.cache": "caches of pip and others, with times inside",
    "var/lib/dpkg/lock": "locks mean nothing in an image",
    "var/lib/dpkg/lock-frontend": "locks mean nothing in an image",
    "var/lib/apt/extended_states.lock": "locks mean nothing in an image",
    "var/cache/debconf/config.dat-old": "the state before the last question",
    "var/cache/debconf/templates.dat-old": "the state before the last question",
    "var/cache/ldconfig/aux-cache": "holds inode numbers and times",
    "etc/ssh/ssh_host_ecdsa_key": "a random secret must not be shared by an image",
    "etc/ssh/ssh_host_ed25519_key": "a random secret must not be shared by an image",
    "etc/ssh/ssh_host_rsa_key": "a random secret must not be shared by an image",
    "etc/ssh/ssh_host_ecdsa_key.pub": "belongs to a random secret",
    "etc/ssh/ssh_host_ed25519_key.pub": "belongs to a random secret",
    "etc/ssh/ssh_host_rsa_key.pub": "belongs to a random secret",
}

# All below the path; the directory itself stays.
CONTENTS = {
    "tmp": "scratch space of the build",
    "var/tmp": "scratch space of the build",
    "var/cache/apt": "downloaded packages and their index, with times inside",
    "var/cache/fontconfig": "holds the times of font directories; made anew when missing",
    "var/cache/man": "an index with times inside; made anew when missing",
    "var/lib/apt/lists": "package lists of the day",
}

# Files below the path; directories stay, since services expect theirs.
FILES = {"var/log": "logs hold times"}

# A directory of this name, anywhere.
NAMES = {"__pycache__": "compiled Python holds its source's time, which the image changes"}


def is_left_out(path: str, kind: Kind) -> bool:
    """Say whether a path never enters an image; whatever is below such a path does not either."""
    parts = path.split("/")
    if path in TREES or any(part in NAMES for part in parts):
        return True
    above = list(ancestors(path))
    if any(place in TREES or place in CONTENTS for place in above):
        return True
    return kind is not Kind.DIRECTORY and any(place in FILES for place in above)
