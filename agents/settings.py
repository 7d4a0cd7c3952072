# SPDX-License-Identifier: Apache-2.0
"""Every setting: an `INGESTER_*` variable, a key of one TOML file, or a secret file.

A variable wins over the file named by `INGESTER_CONFIG`; secrets may also be files
named as their variable in the folder `INGESTER_SECRETS_DIR`. Plug-ins get the variables
that begin with their kind and name: `INGESTER_PROVIDER_LOCAL_FOLDER` is the option
`folder` of the image provider `local`. A plug-in can be used more than once under names
of one's own: `INGESTER_SEARCH_STAC_MINE_URL` is the option `url` of `stac:mine`.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from streams.errors import InvalidRequest

PREFIX = "INGESTER_"

Names = Annotated[tuple[str, ...], NoDecode]
"""A list; in a variable its items are separated by commas."""


def _of(default: Any, meaning: str, reader: str) -> Any:
    return Field(default, description=meaning, json_schema_extra={"reader": reader})


class Settings(BaseSettings):
    """All settings, with their defaults."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, validate_default=True
    )

    home: Path = _of(Path(".ingester"), "Folder of the embedded stack.", "cli")

    kafka_bootstrap: str = _of("127.0.0.1:9092", "Brokers, host:port.", "all")
    kafka_security_protocol: str = _of("PLAINTEXT", "As in librdkafka.", "all")
    kafka_sasl_mechanism: str = _of("", "As in librdkafka; empty: none.", "all")
    kafka_username: str = _of("", "SASL user.", "all")
    kafka_password: SecretStr = _of(SecretStr(""), "SASL password.", "all")
    kafka_max_poll_interval_s: float = _of(
        300.0,
        "A worker that does not poll for so long loses its partitions.",
        "workers",
    )
    kafka_session_timeout_s: float = _of(
        45.0, "A worker that is not heard for so long loses its partitions.", "workers"
    )
    topic_prefix: str = _of(
        "", "Before every topic and group name; ends with a dot.", "all"
    )
    topics_log_partitions: int = _of(
        12, "Partitions of the task log and its kin; never changed later.", "topics"
    )
    topics_orders_partitions: int = _of(
        64, "Partitions of the orders: the largest number of workers.", "topics"
    )
    topics_few_partitions: int = _of(3, "Partitions of small topics.", "topics")
    topics_replicas: int = _of(1, "Replicas of every topic.", "topics")

    postgres_dsn: SecretStr = _of(
        SecretStr(""),
        "Read model, postgresql://user:password@host/database.",
        "readers",
    )

    storage_uri: str = _of(
        "s3://ingester",
        "Root of the layers: s3://bucket/prefix or file:///path.",
        "workers",
    )
    s3_endpoint: str = _of("", "Object store, http(s)://host:port.", "workers")
    s3_access_key: SecretStr = _of(SecretStr(""), "Its access key.", "workers")
    s3_secret_key: SecretStr = _of(SecretStr(""), "Its secret key.", "workers")
    s3_region: str = _of("us-east-1", "Its region.", "workers")

    geocube_address: str = _of(
        "", "Geocube server, host:port; empty: none.", "indexers"
    )
    geocube_token: SecretStr = _of(SecretStr(""), "Bearer token for it.", "indexers")
    geocube_tls: bool = _of(False, "Speak TLS with it.", "indexers")

    catalogue_searches: Names = _of(
        ("local",), "Catalogue searches, in order of trial.", "catalogue"
    )
    catalogue_fallback: Literal["empty", "error", "never", "all"] = _of(
        "empty",
        "When the next search is asked: the one before failed or nothing of it was "
        "kept; it failed; never; always, and all answers are taken together.",
        "catalogue",
    )
    catalogue_nothing: Literal["accept", "refuse"] = _of(
        "accept", "What becomes of a request for which nothing is found.", "catalogue"
    )
    catalogue_most_scenes: int = _of(
        50_000, "Scenes a search may list for a request; more is refused.", "catalogue"
    )
    catalogue_timeout_s: float = _of(
        60.0,
        "Of one question to a search's host, to the end of its answer.",
        "catalogue",
    )
    catalogue_tries: int = _of(
        5, "Times that one question is asked while failures may pass.", "catalogue"
    )
    catalogue_per_second: float = _of(
        5.0, "Questions to one host, of all searches of a process.", "catalogue"
    )
    catalogue_longest_pause_s: float = _of(
        120.0, "Longest Retry-After that is waited for.", "catalogue"
    )
    area_downloads: int = _of(
        100, "Downloads of an area ordered at once, unless it says.", "catalogue"
    )
    area_processes: int = _of(
        1000, "Tiles of an area ordered at once, unless it says.", "catalogue"
    )
    area_alarm_after: Annotated[int, Field(ge=0)] = _of(
        3, "Lost attempts of a task before operators are told; 0: never.", "catalogue"
    )
    catalogue_records: str = _of(
        "", "Index that keeps records of scenes; empty: none.", "catalogue"
    )
    catalogue_sweep_after_s: float = _of(
        300.0,
        "Records made for a request stay for so long, accepted or not.",
        "catalogue",
    )

    catalogue_annotations: Names = _of(
        ("eodata",),
        "Where annotations of Sentinel-1 lie: URL templates, and `eodata`, in order.",
        "catalogue",
    )
    catalogue_annotations_from: Names = _of(
        ("https://", "gs://", "s3://eodata/"),
        "What `annotations_urls` of a request may begin with; a folder: `/data/`.",
        "catalogue",
    )
    eodata_endpoint: str = _of(
        "https://eodata.dataspace.copernicus.eu",
        "Copernicus archive, an S3 with the bucket `eodata`.",
        "catalogue",
    )
    eodata_access_key: SecretStr = _of(
        SecretStr(""), "Its access key; empty: it is not asked.", "catalogue"
    )
    eodata_secret_key: SecretStr = _of(SecretStr(""), "Its secret key.", "catalogue")
    eodata_region: str = _of("default", "Its region.", "catalogue")

    graph_roots: Names = _of(
        (),
        "Folders whose graphs and commands may be run, beside ours; empty: that of "
        "the variable `GRAPHPATH`, if there is one.",
        "workers",
    )
    graph_digests: Names = _of(
        (),
        "`sha256:…` of graphs and commands that may be run wherever they are.",
        "workers",
    )
    worker_dir: Path = _of(
        Path("/tmp/ingester"), "Work folders, one for each running task.", "workers"
    )
    worker_parallel: int = _of(
        2, "Orders that one worker carries out at a time.", "workers"
    )
    worker_drain_s: float = _of(
        60.0, "After SIGTERM, time for running orders to end.", "workers"
    )
    worker_heartbeat_s: float = _of(5.0, "Between two signs of life.", "workers")
    downloader_providers: Names = _of(
        ("local",), "Image providers, in order of trial.", "downloader"
    )
    processor_indexers: Names = _of(
        ("stac",), "Indexes that every layer is entered in.", "processor"
    )
    step_timeout_s: float = _of(7200.0, "Limit of one step of a graph.", "workers")
    step_memory_mb: int = _of(
        0, "Address space of a step's processes, each; 0: no limit.", "workers"
    )
    step_cpus: int = _of(0, "CPUs that one step may use; 0: all.", "workers")

    workflow_batch: int = _of(1000, "Facts folded together at most.", "workflow")
    workflow_resend_s: float = _of(
        300.0, "An order that nobody began for so long is looked into.", "workflow"
    )
    workflow_lease_s: float = _of(
        600.0, "An attempt that gives no sign for so long is lost.", "workflow"
    )
    workflow_keep_failed_days: float = _of(
        30.0,
        "Intermediate layers of tiles that failed are kept for so long; one reopened "
        "later has them downloaded again. 0: until the area is cancelled.",
        "workflow",
    )
    janitor_policy: Literal["delete", "dry-run", "keep"] = _of(
        "delete",
        "What becomes of released layers: `dry-run` only says what would be deleted.",
        "janitor",
    )
    janitor_roots: Names = _of(
        (), "Roots where it may delete, beside INGESTER_STORAGE_URI.", "janitor"
    )
    janitor_inventories_days: float = _of(
        14.0, "Results of inventories are deleted after so long.", "janitor"
    )
    projector_batch: int = _of(2000, "Facts projected together at most.", "projector")

    gateway_listen: str = _of(
        "127.0.0.1:8080", "Address of the HTTP service.", "gateway"
    )
    gateway_url: str = _of("http://127.0.0.1:8080", "Where clients find it.", "cli")
    gateway_token: SecretStr = _of(
        SecretStr(""), "Bearer token that commands send it.", "cli"
    )
    user: str = _of("", "Who asks, in the log; empty: the login name.", "cli")
    gateway_tokens_file: str = _of(
        "", "File of who may ask: lines of role, name, SHA-256 of a token.", "gateway"
    )
    gateway_tokens: SecretStr = _of(
        SecretStr(""), "Such lines themselves, instead of the file.", "gateway"
    )
    gateway_open: bool = _of(
        False, "Serve other machines although no token is known.", "gateway"
    )
    gateway_cors_origins: Names = _of(
        (), "Origins of web pages elsewhere that may ask.", "gateway"
    )
    gateway_body_bytes: int = _of(8_388_608, "Largest body of a request.", "gateway")
    gateway_rate_per_s: float = _of(
        100.0, "Requests that one client may make in the long run.", "gateway"
    )
    gateway_rate_burst: int = _of(
        500, "Requests that one client may make at once.", "gateway"
    )
    gateway_wait_s: float = _of(
        10.0, "Wait for so long until a wish is projected.", "gateway"
    )
    gateway_inventory_wait_s: float = _of(
        30.0,
        "An answer waits so long for its inventory; then it says where.",
        "gateway",
    )
    gateway_events_clients: int = _of(
        100, "Clients that may follow areas at a time.", "gateway"
    )
    gateway_basemap: str = _of(
        "",
        "URL of map tiles for the page, with {z}, {x} and {y}; empty: none.",
        "gateway",
    )
    gateway_webhooks: Names = _of((), "URLs that every notice is posted to.", "gateway")
    gateway_webhook_secret: SecretStr = _of(
        SecretStr(""), "Signs what is posted there.", "gateway"
    )
    # With ten, their pauses and time-outs stay within Kafka's patience of 300 s.
    gateway_webhook_tries: Annotated[int, Field(ge=1, le=10)] = _of(
        6, "Tries before a notice goes to the dead letters.", "gateway"
    )
    health_listen: str = _of(
        "", "Address of health and metrics of an agent; empty: none.", "agents"
    )
    log_format: str = _of("text", "`text` for people, `json` for machines.", "agents")
    log_level: str = _of("info", "debug, info, warning or error.", "agents")

    @field_validator(
        "catalogue_annotations",
        "catalogue_annotations_from",
        "catalogue_searches",
        "graph_digests",
        "graph_roots",
        "janitor_roots",
        "downloader_providers",
        "processor_indexers",
        "gateway_cors_origins",
        "gateway_webhooks",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(item.strip() for item in value.split(",") if item.strip())
        return value

    @field_validator("graph_roots")
    @classmethod
    def _graphpath(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Without any, the folder that users of the Go ingester have."""
        folder = os.environ.get("GRAPHPATH")
        return value or ((folder,) if folder else ())

    @field_validator("graph_digests")
    @classmethod
    def _are_digests(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [v for v in value if not re.fullmatch("sha256:[0-9a-fA-F]{64}", v)]
        if wrong:
            raise ValueError(
                f"'{wrong[0]}', expected sha256: and 64 hexadecimal digits"
            )
        return value

    @field_validator("topic_prefix")
    @classmethod
    def _ends_with_dot(cls, value: str) -> str:
        if value and not value.endswith("."):
            raise ValueError(f"'{value}' must end with a dot, as in 'staging.'")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then variables, then secret files, then the TOML file."""
        sources = (init_settings, env_settings, file_secret_settings)
        config = os.environ.get("INGESTER_CONFIG")
        if not config:
            return sources
        return (*sources, TomlConfigSettingsSource(settings_cls, Path(config)))


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process.

    Raises:
        InvalidRequest: a variable, or a key of the file, cannot be understood.
    """
    secrets = os.environ.get("INGESTER_SECRETS_DIR") or None
    try:
        return Settings(_secrets_dir=secrets, **overrides)  # type: ignore[call-arg]
    except ValidationError as error:
        raise InvalidRequest("settings", _problems(error)) from None


def plugin_options(
    kind: str, name: str, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Options of one plug-in, by lower-case name without the prefix.

    A file of that name in the folder of secrets is one too; a variable wins.
    """
    prefix = re.sub("[-:]", "_", f"{PREFIX}{kind}_{name}_".upper())
    found = {**_secrets(environment.get(f"{PREFIX}SECRETS_DIR", "")), **environment}
    return {
        variable.removeprefix(prefix).lower(): value
        for variable, value in found.items()
        if variable.startswith(prefix)
    }


def _secrets(folder: str) -> dict[str, str]:
    """The files of the folder of secrets, by upper-case name."""
    if not folder or not Path(folder).is_dir():
        return {}
    return {
        file.name.upper(): file.read_text().strip()
        for file in sorted(Path(folder).iterdir())
        if file.is_file()
    }


def _problems(error: ValidationError) -> list[str]:
    # Never the value: it may be a secret.
    return [
        f"{PREFIX}{'_'.join(str(p) for p in item['loc']).upper()}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False)
    ]
