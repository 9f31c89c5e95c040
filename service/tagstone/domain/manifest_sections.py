"""The sections of a manifest, as pydantic models."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, model_validator

from tagstone.domain.deposit import Related
from tagstone.domain.hardware import Resources, parse_bytes, parse_seconds
from tagstone.domain.manifest_values import (
    RELATIONS,
    Argument,
    BaseName,
    DebianName,
    Doi,
    HttpsUrl,
    ParameterName,
    ParameterValue,
    Relation,
    RelativePath,
    Sha256,
    WebAddress,
    Word,
    wrong,
)
from tagstone.errors import Invalid


class Section(BaseModel):
    """What all sections have in common: frozen, no unknown keys, no guessed types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


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


class RunSection(Section):
    """What is run, with which parameters and hardware."""

    command: tuple[Argument, ...] = Field(
        min_length=1, description="Program and arguments, as a list.", examples=[["python3", "analysis.py"]]
    )
    parameters: dict[ParameterName, ParameterValue] = Field(
        default_factory=dict, description="Values for `{name}` in the command.", examples=[{"bins": 64}]
    )
    hardware: ResourcesSection = Field(default_factory=ResourcesSection, alias="resources", description="Hardware asked for.")
    network: bool = Field(default=False, description="Whether the run may reach the network.")

    @property
    def resources(self) -> Resources:
        """The hardware asked for, in cores, bytes and seconds."""
        asked = self.hardware
        memory, disk, time = parse_bytes(asked.memory), parse_bytes(asked.disk), parse_seconds(asked.time)
        return Resources(asked.cpu, memory, disk, time, asked.gpu, asked.gpu_type)


class Input(Section):
    """A file that is fetched once and laid into the workspace."""

    source: HttpsUrl = Field(alias="from", description="Where it is fetched from.", examples=["https://example.org/data.csv"])
    to: RelativePath = Field(description="Path in the workspace.", examples=["data/data.csv"])
    sha256: Sha256 = Field(description="What `sha256sum` prints for it; other bytes are refused.")


class DepositSection(Section):
    """Where the record goes."""

    to: Word = Field(default="local", description="Name of a depository of this site.")
    community: Word | None = Field(default=None, description="Community of the depository.")
    review: bool | None = Field(
        default=None, description="Whether a person looks before the release; default: the depository's rule."
    )


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
