"""From the names in code to packages: Debian's where Debian has all of them, else PyPI's."""

from collections.abc import Iterable
from dataclasses import dataclass

from tagstone.domain.environments.rees.r import debian_package

# Where the name that is imported is not the package's. Debian bookworm's packages without this are python3-NAME.
_PYPI = {
    "Bio": "biopython", "PIL": "pillow", "bs4": "beautifulsoup4", "cartopy": "Cartopy", "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil", "fitz": "pymupdf", "git": "GitPython", "google": "protobuf", "jwt": "PyJWT",
    "mpl_toolkits": "matplotlib", "netCDF4": "netCDF4", "OpenSSL": "pyOpenSSL", "osgeo": "GDAL", "pylab": "matplotlib",
    "serial": "pyserial", "skimage": "scikit-image", "sklearn": "scikit-learn", "skopt": "scikit-optimize", "yaml": "PyYAML",
    "zmq": "pyzmq", "attr": "attrs", "docx": "python-docx", "pptx": "python-pptx", "umap": "umap-learn", "usb": "pyusb",
    "Crypto": "pycryptodome", "dotenv": "python-dotenv", "igraph": "igraph", "pkg_resources": "setuptools",
    "ruamel": "ruamel.yaml", "pywt": "PyWavelets", "Levenshtein": "Levenshtein", "MDAnalysis": "MDAnalysis",
}  # fmt: skip
_DEBIAN = {
    "Bio": "biopython", "PIL": "pil", "cv2": "opencv", "mpl_toolkits": "matplotlib", "netCDF4": "netcdf4", "osgeo": "gdal",
    "pylab": "matplotlib", "serial": "serial", "skimage": "skimage", "zmq": "zmq", "jwt": "jwt", "pywt": "pywt",
    "pytz": "tz", "OpenSSL": "openssl", "igraph": "igraph", "git": "git", "docx": "docx", "fitz": "fitz",
}  # fmt: skip
_IN_DEBIAN = frozenset(
    [
        "Bio",
        "OpenSSL",
        "PIL",
        "aiohttp",
        "asdf",
        "astropy",
        "astroquery",
        "attr",
        "babel",
        "bottleneck",
        "bs4",
        "cartopy",
        "cftime",
        "cffi",
        "click",
        "cloudpickle",
        "cv2",
        "cycler",
        "dask",
        "dateutil",
        "docopt",
        "emcee",
        "ephem",
        "fabio",
        "fiona",
        "fitsio",
        "fitz",
        "flask",
        "fsspec",
        "geopandas",
        "git",
        "gsw",
        "h5py",
        "healpy",
        "httpx",
        "hypothesis",
        "igraph",
        "imageio",
        "ipywidgets",
        "iminuit",
        "jinja2",
        "joblib",
        "jsonschema",
        "jwt",
        "lmfit",
        "lxml",
        "markdown",
        "matplotlib",
        "mistune",
        "mpi4py",
        "mpl_toolkits",
        "mpmath",
        "nbconvert",
        "nbformat",
        "netCDF4",
        "networkx",
        "nibabel",
        "numba",
        "numexpr",
        "numpy",
        "openpyxl",
        "osgeo",
        "packaging",
        "pandas",
        "patsy",
        "photutils",
        "pint",
        "ply",
        "psutil",
        "psycopg2",
        "pycodestyle",
        "pydantic",
        "pydicom",
        "pydot",
        "pyfftw",
        "pygments",
        "pylab",
        "pyparsing",
        "pyproj",
        "pytest",
        "pytz",
        "pywt",
        "rasterio",
        "reproject",
        "requests",
        "rich",
        "scipy",
        "seaborn",
        "serial",
        "shapely",
        "simplejson",
        "skimage",
        "sklearn",
        "skyfield",
        "spectral_cube",
        "specutils",
        "statsmodels",
        "sunpy",
        "sympy",
        "tables",
        "tabulate",
        "tifffile",
        "toml",
        "tornado",
        "tqdm",
        "traitlets",
        "uncertainties",
        "xarray",
        "xlrd",
        "xlsxwriter",
        "yaml",
        "yt",
        "zarr",
        "zmq",
    ]
)
R_ITSELF = frozenset(
    [
        "base",
        "compiler",
        "datasets",
        "graphics",
        "grDevices",
        "grid",
        "methods",
        "parallel",
        "splines",
        "stats",
        "stats4",
        "tcltk",
        "tools",
        "utils",
    ]
)


@dataclass(frozen=True)
class PythonPackages:
    """Packages for what is imported: of Debian; `missing` are the imports that Debian has no package for, `pypi` all by PyPI's names."""

    debian: tuple[str, ...]
    pypi: tuple[str, ...]
    missing: tuple[str, ...]


def python_packages(imports: Iterable[str]) -> PythonPackages:
    """The packages of top-level module names; standard and local modules are left out by whoever asks."""
    names = sorted(set(imports))
    debian = {f"python3-{_DEBIAN.get(name, name.lower().replace('_', '-'))}" for name in names if name in _IN_DEBIAN}
    pypi = {_PYPI.get(name, name.replace("_", "-")) for name in names}
    return PythonPackages(
        tuple(sorted(debian)), tuple(sorted(pypi, key=str.lower)), tuple(name for name in names if name not in _IN_DEBIAN)
    )


def r_packages(names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Debian's packages for R's, sorted, and the names that Debian has not."""
    wanted = sorted(set(names) - R_ITSELF)
    found = {name: debian_package(name) for name in wanted}
    return tuple(sorted({package for package in found.values() if package})), tuple(n for n in wanted if not found[n])
