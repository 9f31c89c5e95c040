"""The variables that every run finds, so that a second one has no reason to differ: dates, seeds, locale, timezone, threads.

What the image's own ENV says about them counts: it was written for this analysis, and the digest fixes it as well. Only the
commit's date and what Tagstone says of the publication are never an image's to say. All of it is recorded.
"""

from collections.abc import Mapping

from tagstone.domain.runs.hardware import Resources

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "JULIA_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "MC_CORES",  # R's package parallel
)


def run_environment(
    image: Mapping[str, str], resources: Resources, *, time: int, version: str, doi: str | None
) -> tuple[tuple[str, str], ...]:
    """The variables of a run, sorted by name; `image` is the image's ENV, `time` the commit's (seconds since the epoch)."""
    defaults = {"PYTHONHASHSEED": "0", "TZ": "UTC"} | dict.fromkeys(_THREADS, str(max(1, int(resources.cpu))))
    # A locale of the image's own must not be half ours.
    locale = {name: value for name, value in image.items() if name in ("LANG", "LANGUAGE") or name.startswith("LC_")}
    ours = {"SOURCE_DATE_EPOCH": str(time), "TAGSTONE_VERSION": version}
    if doi or "TAGSTONE_DOI" in image:
        ours["TAGSTONE_DOI"] = doi or ""
    said = {name: image[name] for name in defaults if name in image}
    return tuple(sorted((defaults | said | (locale or {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}) | ours).items()))
