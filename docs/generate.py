# SPDX-License-Identifier: Apache-2.0
"""Writes the pages of `docs/reference` that say what stands in the code.

python docs/generate.py            write them
python docs/generate.py --check    only say which of them are stale; ends with 1
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr

from agents import plugins
from agents.settings import PREFIX, Settings
from agents.worker.graph.check import indexed_layers
from agents.worker.graph.load import library, load_graph
from agents.worker.graph.model import EngineName, Graph, OutAction
from agents.worker.graph.shape import json_schema
from streams import contract
from streams.codec import MESSAGES
from streams.events import Event
from streams.topics import TOPICS, Cleanup, Scale, Topic

REFERENCE = Path(__file__).parent / "reference"
GRAPH_SCHEMA = REFERENCE / "graph.schema.json"

_GENERATED = "<!-- Written by docs/generate.py; change the code, not this page. -->"

_SCALES = {
    Scale.LOG: "INGESTER_TOPICS_LOG_PARTITIONS",
    Scale.ORDERS: "INGESTER_TOPICS_ORDERS_PARTITIONS",
    Scale.FEW: "INGESTER_TOPICS_FEW_PARTITIONS",
}

_ABOUT_TOPICS = """\
`ingester topics create` makes them, `ingester topics describe` shows them as they are.
Before each name stands `INGESTER_TOPIC_PREFIX`, which is empty by default. Keys are
UTF-8 text, hashed with murmur2 as Java does. Values are Avro in Confluent framing: a
zero byte, the schema's id in four bytes, the body; their fields are in
[facts and other messages](facts.md). Headers are CloudEvents 1.0 in binary mode:
`ce_specversion`, `ce_id`, `ce_type`, `ce_source`, `ce_time`, where they are known
`ce_subject`, `ce_causationid` and `ce_correlationid`, and `content-type`."""

_ABOUT_MESSAGES = """\
Every message is one Avro record of `schemas/avro/`. Its released versions, shared types
written out, are in `schemas/avro/released/`, and the gateway serves them under
`/registry`. Times are UTC, in microseconds."""

_ABOUT_SETTINGS = """\
Each is a variable; without `INGESTER_` and in lower case also a key of the TOML file
that `INGESTER_CONFIG` names. A setting may also be a file named like its variable, in
lower case, in the folder `INGESTER_SECRETS_DIR`: for secrets, as Docker and Kubernetes
hand them out. A variable wins over a secret file, a secret file over the TOML file.
Lists are separated by commas. `ingester settings` shows the values that hold."""

_ABOUT_GRAPHS = """\
A processing graph is a JSON file: configuration, steps to run one after the other,
layers to fetch before and to keep after them. It is that of the Go ingester; keys that
this one adds are `version`, `optional`, `timeout_s`, `memory_mb`, `cpus`, `envs` of a
step, `cog`, `on_empty`, `only_with` and `$schema`, and the engine `native`. Keys are
known in any case, unknown ones refused. Editors check and complete with
[graph.schema.json](graph.schema.json): name it as `$schema`.
[Write a graph](../how-to/write-a-graph.md) shows how to check a graph, and what it
would do, before anything runs."""

_ABOUT_LIBRARY = """\
A request names them as here, or as the Go ingester's payloads do
(`library/graph/ExtractS2Bands.json`). Configuration is given by the request's
`graph_config`. Those that need SNAP run on workers that have it:
[run SNAP graphs](../how-to/run-snap-graphs.md). Graphs of one's own may use the scripts
and SNAP graphs below by their file names; a file of the same name beside the graph, or
below `INGESTER_GRAPH_ROOTS`, is taken first."""

_LIBRARY = {
    "CopyProductToStorage": "Keep the product as it came (for the downloader).",
    "ExtractLandsatBands": "Bands of Landsat 8 and 9, numbers kept, as COG.",
    "ExtractS2Bands": "Bands of Sentinel-2 as JPEG 2000, offset applied.",
    "ExtractS2BandsCog": "Bands of Sentinel-2 as COG, offset applied; faster.",
    "Pass": "Nothing.",
    "PhrPreProcessing": "Both images of a Pléiades product (for the downloader).",
    "PhrProcessing": "Index the images of a Pléiades product.",
    "S1GrdSigma0": "Backscatter of Sentinel-1 GRD on a map: calibrated, noise removed.",
    "S1GrdSigma0Db": "The same, in decibels.",
    "S1BackscatterCoherence": (
        "Backscatter of a burst, and its coherence with the date before."
    ),
    "S1Clean": "Does nothing: what was kept for a burst is released by itself.",
    "S1CoregExtract": "Lay a burst on the first of its series, and keep it so.",
    "S1Preprocessing": (
        "Cut a burst out of an SLC product, with precise orbit and calibration (for the"
        " downloader)."
    ),
    "SpotPreProcessing": "Both images of a SPOT product (for the downloader).",
    "SpotProcessing": "Index the images of a SPOT product.",
}

_SCRIPTS = {
    "convert.py": (
        "`--file-in`, `--file-out` (in place), `--range-in a,b`, "
        "`--dformat-out dtype,nodata,min,max`, `--tiling` (256)",
        "Range to range, clipped, halves up; no-data and NaN to the new no-data, "
        "valid pixels beside it. A COG.",
    ),
    "create_cog.py": (
        "`--filepath`, `--fileout` (in place), `--blocksize` (512), `--projection`",
        "A COG, warped if asked.",
    ),
    "erodeMask.py": (
        "`--file-in`, `--file-out` (in place), `--no-data` (0), `--iterations`",
        "Takes so many pixels off the convex hull of what is valid; fatal when nothing "
        "is left.",
    ),
    "extract_dimap.py": (
        "`--workdir`, `--file-ms-out`, `--file-pan-out`, `--constellation` "
        "(`PHR`, `SPOT`)",
        "The images of a DIMAP product as COG.",
    ),
    "extract_s2.py": (
        "`--workdir`, `--pattern-out` (`*` is the band)",
        "The spectral bands of a Sentinel-2 product as JPEG 2000, at their native "
        "resolution; fatal when one is missing.",
    ),
}

_ABOUT_PLUGINS = """\
A plug-in is named where a list above asks for it, and gets as its options the variables
that begin with its kind and name: `INGESTER_PROVIDER_LOCAL_FOLDER` is the option
`folder` of the provider `local`. These are installed:"""


def topics() -> Iterator[str]:
    """Lines of the page about topics."""
    yield from _head("Topics")
    yield from _ABOUT_TOPICS.splitlines()
    yield ""
    rows = [
        (f"[`{t.name}`](#{_anchor(t.name)})", t.key, t.holds, _kept(t)) for t in TOPICS
    ]
    yield from _table(("topic", "key", "holds", "kept"), rows)
    for topic in TOPICS:
        yield from _topic(topic)


def _topic(topic: Topic) -> Iterator[str]:
    setting = _SCALES[topic.scale]
    default = Settings.model_fields[setting.removeprefix(PREFIX).lower()].default
    linked = ", ".join(f"[`{m}`](facts.md#{m})" for m in topic.messages)
    yield f"## {topic.name}"
    yield ""
    yield f"{topic.holds[0].upper()}{topic.holds[1:]}."
    yield ""
    rows = [
        ("key", topic.key),
        ("messages", linked or "rows as JSON, and one journal a partition"),
        ("partitions", f"`{setting}` ({default})"),
        ("kept", _kept(topic)),
        ("written by", ", ".join(topic.writers)),
        ("read by", ", ".join(topic.readers)),
    ]
    yield from _table(("", ""), rows)


def _kept(topic: Topic) -> str:
    days = topic.retention.days if topic.retention else 0
    span = "1 day" if days == 1 else f"{days} days"
    return {
        Cleanup.KEEP: "for ever",
        Cleanup.EXPIRE: span,
        Cleanup.COMPACT: "the newest of each key",
        Cleanup.COMPACT_EXPIRE: f"the newest of each key, {span} at most",
    }[topic.cleanup]


def facts() -> Iterator[str]:
    """Lines of the page about messages."""
    yield from _head("Facts and other messages")
    yield from _ABOUT_MESSAGES.splitlines()
    yield ""
    schemas = contract.current()
    happened = [n for n, cls in MESSAGES.items() if cls in get_args(Event)]
    asked = [name for name in MESSAGES if name not in happened]
    for title, names in (
        ("Facts", happened),
        ("Requests, orders and notices", asked),
    ):
        yield f"## {title}"
        yield ""
        for name in sorted(names):
            yield from _message(name, schemas[name])
    yield "## Shared types"
    yield ""
    for schema in sorted(_shared(schemas.values()), key=lambda s: str(s["name"])):
        yield f"### {schema['name']}"
        yield ""
        yield _sentence(schema["doc"])
        yield ""
        if schema["type"] == "enum":
            yield ", ".join(f"`{symbol}`" for symbol in schema["symbols"])
            yield ""
        else:
            yield from _fields(schema)


def _message(name: str, schema: dict[str, Any]) -> Iterator[str]:
    release = contract.latest().get(contract.full_name(schema))
    number = f"schema id {release.id}" if release else "not released"
    topic = next((t.name for t in TOPICS if name in t.messages), "")
    on = f", on [`{topic}`](topics.md#{_anchor(topic)})" if topic else ""
    yield f"### {name}"
    yield ""
    yield f"{_sentence(schema['doc'])} `{contract.full_name(schema)}`, {number}{on}."
    yield ""
    yield from _fields(schema)


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    rows = [
        (f"`{f['name']}`", _type(f["type"]), _default(f), _plain(f["doc"]))
        for f in schema["fields"]
    ]
    yield from _table(("field", "type", "default", "meaning"), rows)


def _type(node: Any) -> str:
    match node:
        case list():
            return " or ".join(_type(item) for item in node)
        case {"type": "array"}:
            return f"array of {_type(node['items'])}"
        case {"type": "map"}:
            return f"map of {_type(node['values'])}"
        case {"logicalType": logical}:
            return str(logical)
        case {"name": name}:
            return f"[{name}](#{str(name).lower()})"
        case str() if "." in node:
            name = node.rpartition(".")[2]
            return f"[{name}](#{name.lower()})"
        case dict():
            return _type(node["type"])
        case _:
            return str(node)


def _default(field: dict[str, Any]) -> str:
    if "default" not in field:
        return ""
    return f"`{json.dumps(field['default'])}`"


def _shared(nodes: Any) -> list[dict[str, Any]]:
    """The named types inside of schemas, each once."""
    found: dict[str, dict[str, Any]] = {}

    def look(node: Any, depth: int) -> None:
        if isinstance(node, list):
            for item in node:
                look(item, depth)
        elif isinstance(node, dict):
            if node.get("type") in ("record", "enum") and depth:
                found[node["name"]] = node
            for value in node.values():
                if isinstance(value, list | dict):
                    look(value, depth + 1)

    for node in nodes:
        look(node, 0)
    return list(found.values())


def settings() -> Iterator[str]:
    """Lines of the page about settings."""
    yield from _head("Settings")
    yield from _ABOUT_SETTINGS.splitlines()
    yield ""
    rows = [
        (
            f"`{PREFIX}{name}`".upper(),
            _value(field.default),
            _sentence(field.description or ""),
            dict(field.json_schema_extra or {})["reader"],
        )
        for name, field in Settings.model_fields.items()
    ]
    yield from _table(("variable", "default", "meaning", "read by"), rows)
    yield "## Plug-ins"
    yield ""
    yield from _ABOUT_PLUGINS.splitlines()
    yield ""
    for kind in plugins.KINDS:
        named = ((name, plugins.load(kind, name)) for name in plugins.names(kind))
        rows = [(f"`{name}`", _words(factory)) for name, factory in named]
        yield from _table((kind, "what its factory says"), rows)
    yield "## Elsewhere"
    yield ""
    yield from _table(
        ("variable", "meaning"),
        [
            ("`INGESTER_CONFIG`", "A TOML file with settings."),
            ("`INGESTER_SECRETS_DIR`", "A folder of secret files."),
            ("`INGESTER_CACHE`", "Where the embedded stack keeps Kafka's jars."),
            ("`INGESTER_JAVA_HOME`", "The Java of the embedded Kafka."),
            ("`KAFKA_HOME`", "A Kafka that is there: nothing is fetched by Maven."),
        ],
    )


def graph() -> Iterator[str]:
    """Lines of the page about graphs."""
    yield from _head("Graph files")
    yield from _ABOUT_GRAPHS.splitlines()
    yield ""
    schema = json_schema()
    parts = schema["$defs"]
    for title, part in (
        ("The document", schema),
        ("processing_steps", parts["StepShape"]),
        ("in_files", parts["InShape"]),
        ("out_files", parts["OutShape"]),
    ):
        yield f"## {title}"
        yield ""
        yield from _members(part, parts)
    yield "## args"
    yield ""
    for name in ("FixedArg", "ConfigArg", "TileArg", "InArg", "OutArg"):
        yield parts[name]["description"]
        yield ""
        yield from _members(parts[name], parts)
    yield from _library()


def _library() -> Iterator[str]:
    """The graphs that come with us."""
    graphs = [load_graph(name) for name in library()]
    yield "## Graphs that come with it"
    yield ""
    yield from _ABOUT_LIBRARY.splitlines()
    yield ""
    rows = [
        (
            f"`{graph.name}`",
            _LIBRARY[graph.name],
            _reads(graph),
            _code(indexed_layers(graph)),
            _kept_layers(graph),
            "yes" if any(s.engine is EngineName.SNAP for s in graph.steps) else "no",
        )
        for graph in graphs
    ]
    head = ("graph", "what it does", "reads", "indexes", "stores", "needs SNAP")
    yield from _table(head, rows)
    yield "### Their configuration"
    yield ""
    configured = [graph for graph in graphs if graph.config]
    defaults = dict.fromkeys(pair for g in configured for pair in g.config.items())
    rows = [
        (
            f"`{key}`",
            f"`{json.dumps(value)}`",
            _code([g.name for g in configured if g.config.get(key) == value]),
        )
        for key, value in defaults
    ]
    yield from _table(("key", "default", "graphs"), rows)
    yield "### Their scripts"
    yield ""
    rows = [(f"`{name}`", *about) for name, about in _SCRIPTS.items()]
    yield from _table(("script", "arguments", "what it does"), rows)


def _reads(graph: Graph) -> str:
    """Layers that are fetched, with the tile of each: T0, T1, T2."""
    return ", ".join(
        f"`{file.layer}` of T{position}"
        for position, group in enumerate(graph.in_files)
        for file in group
    )


def _kept_layers(graph: Graph) -> str:
    kept = [o for group in graph.out_files for o in group]
    return _code([o.layer for o in kept if o.action is OutAction.CREATE])


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _members(part: dict[str, Any], parts: dict[str, Any]) -> Iterator[str]:
    rows = []
    for name, member in part["properties"].items():
        referred = parts.get(member.get("$ref", "").rpartition("/")[2], member)
        words = [word for word in referred.get("enum", ()) if word]
        allowed = (
            f" One of {', '.join(f'`{word}`' for word in words)}." if words else ""
        )
        default = member.get("default")
        required = name in part.get("required", ())
        shown = "(required)" if required else f"`{json.dumps(default)}`"
        if name != "type":
            rows.append((f"`{name}`", shown, member["description"] + allowed))
    yield from _table(("key", "default", "meaning"), rows)


def _value(default: Any) -> str:
    if isinstance(default, SecretStr):
        return "(secret)"
    text = ",".join(default) if isinstance(default, tuple) else str(default)
    return f"`{text}`" if text else "(empty)"


def _words(factory: Any) -> str:
    """What a docstring says before its sections."""
    text = re.split(r"^(?:Args|Returns|Raises):", inspect.getdoc(factory), flags=re.M)
    return " ".join(text[0].split())


def _head(title: str) -> Iterator[str]:
    yield _GENERATED
    yield ""
    yield f"# {title}"
    yield ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for cells in (head, ("---",) * len(head), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _plain(text: str) -> str:
    return text.replace("__", "\\_\\_")  # not to be read as bold


def _anchor(title: str) -> str:
    return title.replace(".", "")


def pages() -> dict[Path, str]:
    """Every generated page."""
    found = {"topics": topics, "facts": facts, "settings": settings, "graph": graph}
    written = {
        REFERENCE / f"{name}.md": "\n".join(page()).rstrip() + "\n"
        for name, page in found.items()
    }
    schema = json.dumps(json_schema(), indent=2, ensure_ascii=False)
    return {**written, GRAPH_SCHEMA: f"{schema}\n"}


def main() -> int:
    """Write the pages, or say which are stale."""
    stale = {
        file: text
        for file, text in pages().items()
        if not file.exists() or file.read_text("utf-8") != text
    }
    if "--check" in sys.argv:
        for file in stale:
            sys.stderr.write(f"{file.name} is stale; run: python docs/generate.py\n")
        return 1 if stale else 0
    for file, text in stale.items():
        file.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
