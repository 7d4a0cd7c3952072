# SPDX-License-Identifier: Apache-2.0
"""`ingester topics`: create them, look at them, read them."""

from typing import Annotated, Any

import msgspec
import typer

from agents.commands.terminal import OUT, AsJson, say_json, say_line, table
from agents.settings import Settings, load_settings
from infra.kafka import provision
from infra.kafka.connection import connection
from infra.kafka.provision import Layout
from infra.kafka.reader import TopicReader
from streams.codec import decode, message_type
from streams.envelope import Record
from streams.errors import ContractError, InvalidRequest
from streams.topics import TABLE, TOPICS, Topic

app = typer.Typer(no_args_is_help=True, help="Topics on the brokers.")


def layout(settings: Settings) -> Layout:
    """How many partitions and replicas the settings give to topics."""
    return Layout(
        log=settings.topics_log_partitions,
        orders=settings.topics_orders_partitions,
        few=settings.topics_few_partitions,
        replicas=settings.topics_replicas,
    )


@app.command()
def create(as_json: AsJson = False) -> None:
    """Create the topics that are not there."""
    settings = load_settings()
    made = provision.create(connection(settings, "cli"), TOPICS, layout(settings))
    if as_json:
        say_json({"created": made})
    else:
        for name in made:
            OUT.print(f"created {name}")
        OUT.print(f"{len(TOPICS) - len(made)} topics were there already")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """The topics as the ingester wants them."""
    if as_json:
        say_json(TOPICS)
        return
    found = table("Topics", "name", "key", "holds", "written by", "read by")
    for topic in TOPICS:
        found.add_row(
            topic.name,
            topic.key,
            topic.holds,
            ", ".join(topic.writers),
            ", ".join(topic.readers),
        )
    OUT.print(found)


@app.command()
def describe(
    name: Annotated[str, typer.Argument(help="A topic; all by default.")] = "",
    as_json: AsJson = False,
) -> None:
    """The topics as the brokers have them."""
    settings = load_settings()
    wanted = [_topic(name).name] if name else [topic.name for topic in TOPICS]
    there = provision.describe(connection(settings, "cli"), wanted)
    if as_json:
        say_json(there)
        return
    found = table("Topics on the brokers", "name", "partitions", "replicas", "settings")
    for topic in there:
        config = "\n".join(f"{k}={v}" for k, v in sorted(topic.config.items()))
        found.add_row(topic.name, str(topic.partitions), str(topic.replicas), config)
    OUT.print(found)


@app.command()
def tail(
    name: Annotated[str, typer.Argument(help="A topic, with or without 'ingester.'.")],
    follow: Annotated[bool, typer.Option(help="Go on with what comes.")] = False,
    last: Annotated[int, typer.Option(help="Only the last n; 0: all.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Read a topic, decoded: headers, key and value."""
    topic = _topic(name)
    with TopicReader(connection(load_settings(), "cli")) as reader:
        begin = None
        if last:
            spans = reader.spans(topic.name)
            begin = {s.partition: max(s.begin, s.end - last) for s in spans}
        records = reader.read(topic.name, begin=begin)
        shown = sorted(records, key=_time)[-last:] if last else records
        for record in shown:
            _show(topic, record, as_json=as_json)
        if follow:
            ends = {s.partition: s.end for s in reader.spans(topic.name)}
            for record in reader.read(topic.name, follow=True, begin=ends):
                _show(topic, record, as_json=as_json)


def _topic(name: str) -> Topic:
    for topic in TOPICS:
        if name in (topic.name, topic.name.removeprefix("ingester.")):
            return topic
    known = ", ".join(topic.name for topic in TOPICS)
    raise InvalidRequest(f"topic '{name}'", [f"unknown, expected one of {known}"])


def _time(record: Record) -> bytes:
    return dict(record.headers).get("ce_time", b"")


def _show(topic: Topic, record: Record, *, as_json: bool) -> None:
    entry = describe_record(topic, record)
    if as_json:
        say_line(entry)
        return
    place = f"[dim]{record.partition}@{record.offset}[/]"
    kind = entry.get("type", "?")
    OUT.print(place, f"[bold]{kind}[/]", entry["key"], highlight=False)
    OUT.print_json(
        data=msgspec.to_builtins(entry.get("value", entry.get("error"))), indent=None
    )


def describe_record(topic: Topic, record: Record) -> dict[str, Any]:
    """A record in words: place, headers, key, and its value or why there is none."""
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    entry: dict[str, Any] = {
        "partition": record.partition,
        "offset": record.offset,
        "key": (record.key or b"").decode("utf-8", "replace"),
        "headers": headers,
    }
    if topic is TABLE:
        text = (record.value or b"null").decode("utf-8", "replace")
        return {**entry, "type": "row", "value": text}
    try:
        message = decode(record.value)
    except ContractError as error:
        return {**entry, "error": str(error)}
    return {**entry, "type": message_type(message), "value": message}
