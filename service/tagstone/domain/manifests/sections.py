"""The sections of a manifest, as pydantic models."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, model_validator

from tagstone.domain.deposits.deposit import Funding, PartLicence, Related
from tagstone.domain.manifests.values import (
    RELATIONS,
    ROR,
    AccessName,
    Argument,
    BaseName,
    Day,
    DebianName,
    Doi,
    Funder,
    Glob,
    InputSource,
    Kind,
    LicenceId,
    Line,
    ParameterName,
    ParameterValue,
    Relation,
    RelativePath,
    Sha256,
    WebAddress,
    Word,
    wrong,
)
from tagstone.domain.runs.hardware import Resources, parse_bytes, parse_seconds
from tagstone.domain.runs.matrix import MOST, argument, size
from tagstone.errors import Invalid

_LIST = "Write a list, such as `outputs: [results/*.png]`."


class Section(BaseModel):
    """What all sections have in common: frozen, no unknown keys, no guessed types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class Environment(Section):
    """What the code needs: a base with packages, or a Containerfile."""

    base: BaseName | None = Field(default=None, description="Image to stand on.", examples=["debian:bookworm"])
    apt: tuple[DebianName, ...] = Field(default=(), description="Debian packages.", examples=[["python3", "python3-numpy"]])
    pip: RelativePath | None = Field(default=None, description="File of Python requirements.", examples=["requirements.txt"])
    install: RelativePath | None = Field(
        default=None, description="Shell script that runs last, for what the rest cannot say.", examples=["install.sh"]
    )
    containerfile: RelativePath | None = Field(
        default=None, description="Containerfile that makes the whole environment.", examples=["Containerfile"]
    )

    @model_validator(mode="after")
    def _one_way(self) -> "Environment":
        others = [f"`{name}`" for name in ("base", "apt", "pip", "install") if getattr(self, name)]
        if self.containerfile and others:
            raise wrong(
                f"`containerfile` stands beside {', '.join(others)}.", "Keep one way: a Containerfile says all by itself."
            )
        if not self.containerfile and not self.base:
            raise wrong(
                "The environment stands on nothing.", "Write `base: debian:bookworm` or `containerfile: Containerfile`."
            )
        return self


def _quantity(parse: Any) -> Any:
    """A reader of amounts with units whose errors are faults; numbers without a unit are not taken."""

    def read(value: object) -> object:
        try:
            parse(value if isinstance(value, str) else str(value) if isinstance(value, int | float) else "")
        except Invalid as error:
            raise wrong(error.message, error.remedy) from None
        if not isinstance(value, str):
            raise wrong(f"{value!r} has no unit.", "Write the unit with it, such as 4Gi for memory or 2h for time.")
        return value

    return BeforeValidator(read)


class ResourcesSection(Section):
    """Hardware asked for, with units."""

    cpu: float = Field(default=1.0, gt=0, le=4096, description="Cores.", examples=[2])
    memory: Annotated[str, _quantity(parse_bytes)] = Field(default="2Gi", description="Memory.", examples=["512Mi", "4Gi"])
    disk: Annotated[str, _quantity(parse_bytes)] = Field(
        default="10Gi", description="Room in the workspace.", examples=["10Gi"]
    )
    time: Annotated[str, _quantity(parse_seconds)] = Field(
        default="1h", description="Longest run.", examples=["90s", "30m", "2h"]
    )
    gpu: StrictInt = Field(default=0, ge=0, le=1024, description="Number of GPUs.", examples=[1])
    gpu_type: Word | None = Field(default=None, description="Kind of GPU.", examples=["a100"])
    profile: Word | None = Field(
        default=None, description="Kind of machine, by the name that the site's cluster has for it.", examples=["gpu-a100"]
    )


def _matrix(values: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    """Values that make runs which can be told apart, and not too many of them."""
    for name, given in values.items():
        texts = [argument(value) for value in given]
        twice = next((text for text in texts if texts.count(text) > 1), None)
        if twice is not None:
            raise wrong(
                f"`{name}` has the value {twice[:80]!r} twice.", "Write each value once: equal runs leave equal outputs."
            )
    if size(values) > MOST:
        raise wrong(
            f"{size(values)} combinations are more than {MOST}.", "Write fewer values, or part them among several tags."
        )
    return values


class RunSection(Section):
    """What is run, with which parameters and hardware."""

    command: tuple[Argument, ...] = Field(
        min_length=1, description="Program and arguments, as a list.", examples=[["python3", "analysis.py"]]
    )
    parameters: dict[ParameterName, ParameterValue] = Field(
        default_factory=dict, description="Values for `{name}` in the command.", examples=[{"bins": 64}]
    )
    matrix: Annotated[
        dict[ParameterName, Annotated[tuple[ParameterValue, ...], Field(min_length=1)]], AfterValidator(_matrix)
    ] = Field(
        default_factory=dict,
        description="Lists of values for `{name}` in the command: each combination is a run of its own, with a folder of its own "
        "among the outputs.",
        examples=[{"seed": [1, 2, 3], "field": ["north", "south"]}],
    )
    parallel: StrictInt | None = Field(
        default=None, ge=1, le=MOST, description="Runs of the matrix at once; without it, one after the other.", examples=[4]
    )
    hardware: ResourcesSection = Field(
        default_factory=ResourcesSection, alias="resources", description="Hardware asked for, by each run."
    )
    network: bool = Field(default=False, description="Whether the run may reach the network.")

    @model_validator(mode="after")
    def _parallel(self) -> "RunSection":
        if self.parallel is not None and not self.matrix:
            raise wrong(
                "`parallel` is given, but one run alone is asked for.", "Add `matrix` with lists of values, or remove it."
            )
        return self

    @property
    def resources(self) -> Resources:
        """The hardware asked for, in cores, bytes and seconds."""
        asked = self.hardware
        memory, disk, time = parse_bytes(asked.memory), parse_bytes(asked.disk), parse_seconds(asked.time)
        return Resources(asked.cpu, memory, disk, time, asked.gpu, asked.gpu_type, asked.profile)


class Input(Section):
    """A file that is fetched once and laid into the workspace."""

    source: InputSource = Field(
        alias="from",
        description="Where it is fetched from: an address, `doi:` with a DOI and the file's name in that record, or a path.",
        examples=["https://example.org/data.csv", "doi:10.5281/zenodo.3939050/data.csv"],
    )
    to: RelativePath = Field(description="Path in the workspace.", examples=["data/data.csv"])
    sha256: Sha256 | None = Field(
        default=None, description="What `sha256sum` prints for it; other bytes are refused. `tagstone check --fix` writes it."
    )
    licence: LicenceId | None = Field(
        default=None, description="SPDX licence under which it may be copied into the bundle.", examples=["CC-BY-4.0"]
    )

    @property
    def local(self) -> bool:
        """True when it is a file of the machine that publishes."""
        return not self.source.startswith(("https://", "doi:"))

    @property
    def doi(self) -> str | None:
        """The DOI of the record that the file is in, None where it has none."""
        return "/".join(self.source.removeprefix("doi:").split("/")[:2]) if self.source.startswith("doi:") else None


class Output(Section):
    """Files to keep, and how a second run's are compared with them."""

    path: Glob = Field(description="Glob of the files.", examples=["results/*.csv"])
    compare: Literal["bytes", "numbers", "pixels", "json", "fits"] = Field(
        default="bytes",
        description="What counts as equal: the same bytes, or the same values of tables and texts with numbers, pictures, JSON, FITS.",
    )
    rtol: float = Field(default=0.0, ge=0, lt=1, description="Difference that is allowed, relative to the recorded value.")
    atol: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Difference that is allowed, in the value's own unit (pixels: 0 to 255).",
    )

    @model_validator(mode="after")
    def _tolerance_of_values(self) -> "Output":
        if self.compare == "bytes" and (self.rtol or self.atol):
            raise wrong("Bytes have no tolerance.", "Add `compare: numbers` (or pixels, json, fits), or remove the tolerance.")
        return self


def _glob_alone(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


OutputRule = Annotated[Output, BeforeValidator(_glob_alone, json_schema_input_type=str | Output)]


class Outputs(Section):
    """What is kept: files that the run makes, and results that were made elsewhere."""

    made: tuple[OutputRule, ...] = Field(default=(), description="Files that the run makes.")
    brought: tuple[OutputRule, ...] = Field(
        default=(), description="Results made elsewhere that the commit or the inputs bring: not run by Tagstone."
    )


def _made_alone(value: object) -> object:
    if isinstance(value, dict):
        return {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
    if isinstance(value, list | tuple):
        return {"made": tuple(value)}
    remedy = f"Write a list: `outputs: [{json.dumps(value[:200], ensure_ascii=False)}]`." if isinstance(value, str) else _LIST
    raise wrong("It is neither a list nor a mapping.", remedy)


OutputsSection = Annotated[Outputs, BeforeValidator(_made_alone, json_schema_input_type=list[str | Output] | Outputs)]


class PartLicences(Section):
    """The licences of parts of a record, where they are not the code's."""

    outputs: LicenceId | None = Field(default=None, description="SPDX licence of the outputs.", examples=["CC-BY-4.0"])
    image: LicenceId | None = Field(default=None, description="SPDX licence of the image.", examples=["GPL-3.0-or-later"])

    @property
    def parts(self) -> tuple[PartLicence, ...]:
        """Those that are given, by their part."""
        given = (("outputs", self.outputs), ("image", self.image))
        return tuple(PartLicence(part, licence) for part, licence in given if licence)


class FundingSection(Section):
    """Who paid, and by which award."""

    funder: Funder = Field(
        description="Name or ROR id of the funder.", examples=["https://ror.org/018mejw64", "Deutsche Forschungsgemeinschaft"]
    )
    award: Line | None = Field(default=None, description="Number of the award.", examples=["460248186"])
    title: Line | None = Field(default=None, description="Title of the award.", examples=["PUNCH4NFDI"])
    url: WebAddress | None = Field(default=None, description="Page about the award.")

    @property
    def funding(self) -> Funding:
        """The same in the depository's words."""
        ror = ROR.fullmatch(self.funder)
        return Funding(self.funder, ror[1] if ror else None, self.award, self.title, self.url)


class DepositSection(Section):
    """Where the record goes."""

    to: Word = Field(default="local", description="Name of a depository of this site.")
    community: Word | None = Field(default=None, description="Community of the depository.")
    review: bool | None = Field(
        default=None, description="Whether a person looks before the release; default: the depository's rule."
    )
    kind: Kind | None = Field(
        default=None,
        description="What the record is; default: the citation's `type`, software or dataset.",
        examples=["workflow"],
    )
    access: AccessName = Field(
        default="open",
        description="Who may read the files: everybody, everybody from the day of `embargo` on, or whom the depository's owner lets.",
    )
    embargo: Day | None = Field(
        default=None, description="Day from which the files of an embargoed record are open.", examples=["2027-01-31"]
    )
    licences: PartLicences = Field(
        default_factory=PartLicences, description="Licences of parts that have their own; that of the code is in the citation."
    )
    funding: tuple[FundingSection, ...] = Field(default=(), description="Who paid for the work.")
    continues: Doi | None = Field(
        default=None,
        description="Concept DOI of a series that began elsewhere, where the account may continue it.",
        examples=["10.5281/zenodo.1003149"],
    )

    @model_validator(mode="after")
    def _embargo(self) -> "DepositSection":
        if self.access == "embargoed" and self.embargo is None:
            raise wrong("The embargo has no end.", "Write the day that opens the files, such as `embargo: 2027-01-31`.")
        if self.access != "embargoed" and self.embargo is not None:
            raise wrong(
                f"There is an `embargo`, but access is {self.access}.", "Write `access: embargoed`, or remove `embargo`."
            )
        return self


class RelatedWork(Section):
    """Another work, and what this one is to it."""

    doi: Doi | None = Field(default=None, description="Its DOI.", examples=["10.1051/0004-6361/201834567"])
    url: WebAddress | None = Field(default=None, description="Its address, when it has no DOI.")
    relation: Relation = Field(alias="is", description="What this work is to the other.", examples=["supplement-to"])

    @model_validator(mode="after")
    def _one_identifier(self) -> "RelatedWork":
        if (self.doi is None) == (self.url is None):
            raise wrong("A related work has one identifier.", "Write either `doi: 10.…` or `url: https://…`.")
        return self

    @property
    def related(self) -> Related:
        """The same in DataCite's words."""
        return Related(self.doi or self.url or "", RELATIONS[self.relation], "doi" if self.doi else "url")
