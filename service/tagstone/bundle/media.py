"""What kind of file a path names, by a table of our own: the machine's table would make bundles differ."""

from pathlib import PurePosixPath

_TYPES = {
    "cff": "application/yaml",
    "csv": "text/csv",
    "ecsv": "text/csv",
    "fits": "application/fits",
    "gif": "image/gif",
    "h5": "application/x-hdf5",
    "hdf5": "application/x-hdf5",
    "html": "text/html",
    "ipynb": "application/x-ipynb+json",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "log": "text/plain",
    "md": "text/markdown",
    "nc": "application/x-netcdf",
    "npy": "application/x-npy",
    "parquet": "application/vnd.apache.parquet",
    "pdf": "application/pdf",
    "png": "image/png",
    "sh": "application/x-sh",
    "svg": "image/svg+xml",
    "tar": "application/x-tar",
    "tex": "text/x-tex",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
    "vot": "application/x-votable+xml",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zip": "application/zip",
}
_KNOWN = {
    "Containerfile": "text/plain",
    "codemeta.json": "application/ld+json",
    "provenance.intoto.json": "application/vnd.in-toto+json",
    "sbom.cdx.json": "application/vnd.cyclonedx+json",
}
_PURPOSES = {
    "Containerfile": "How the image was built, every base by its digest",
    "README.md": "What this is, how to cite it and how to run it again, for people",
    "CITATION.cff": "How to cite this record, for programs",
    "codemeta.json": "The code as software catalogues describe it",
    "provenance.intoto.json": "How image and outputs came about (SLSA provenance, not signed)",
    "sbom.cdx.json": "The packages in the image (SBOM)",
    "tagstone.json": "Everything that was recorded, for programs",
    "tagstone.yml": "What was asked for: environment, command, outputs",
    "reproduce.sh": "Runs the analysis again and compares every output by checksum",
    "logs/run.log": "What the analysis wrote to its output and error streams",
}


def media_type(path: str) -> str:
    """The media type by the end of the file's name."""
    if path in _KNOWN:
        return _KNOWN[path]
    return _TYPES.get(PurePosixPath(path).suffix.lower().removeprefix("."), "application/octet-stream")


def purpose(path: str, commit: str) -> str:
    """One line that says what a file of the bundle is."""
    if path == "code.tar":
        return f"The code at commit {commit}"
    if path.startswith("inputs/"):
        return "An input of the run"
    if path.startswith("brought/"):
        return "A result that was made elsewhere: not run by Tagstone"
    return _PURPOSES.get(path, "An output of the run")
