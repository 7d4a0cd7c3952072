# SPDX-License-Identifier: Apache-2.0
"""The command line: what is wrong is refused in clear words, before it is sent."""

import json
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import as_file
from typing import Any
from urllib.parse import urlsplit

import pytest

from agents import cli
from agents.catalogue.agent import open_documents
from infra.kafka.reader import TopicReader
from infra.local import s3
from infra.minio.client import connect
from streams import contract
from streams.orders import IngestionRequest
from streams.topics import REQUESTS, TOPICS
from tests.areas import SQUARE, a_document, an_area
from tests.system import free_port
from tests.tables import wait_until_ended


@dataclass
class Said:
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def ingester(monkeypatch, capsys):
    """Runs a command in this process; a traceback would be an error of the test."""

    def run(*arguments: str) -> Said:
        monkeypatch.setattr("sys.argv", ["ingester", *arguments])
        monkeypatch.setenv("COLUMNS", "200")
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def here(system, monkeypatch):
    """The commands of this process are about this system."""
    for name, value in system.environment.items():
        monkeypatch.setenv(name, value)
    return system


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No server anywhere."""
    monkeypatch.setenv("INGESTER_KAFKA_BOOTSTRAP", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("INGESTER_GATEWAY_URL", f"http://127.0.0.1:{free_port()}")
    dsn = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    monkeypatch.setenv("INGESTER_POSTGRES_DSN", dsn)
    monkeypatch.setenv("INGESTER_SEARCH_LOCAL_FOLDER", str(tmp_path))


def requests(system) -> int:
    with TopicReader(system.kafka) as reader:
        return sum(span.end for span in reader.spans(REQUESTS.name))


BOW = [[9, 55], [10, 56], [10, 55], [9, 56], [9, 55]]

WRONG = {
    "graph": ({"tile_graph_name": "NoSuch"}, "NoSuch"),
    "scene graph": ({"scene_graph_name": "NoSuch"}, "$.scene_graph_name"),
    "layer": (
        {"layers": {"B99": {"variable": "v", "instance": "i"}}},
        "$.layers.B99",
    ),
    "constellation": ({"scene_type": {"constellation": "venus"}}, "venus"),
    "search": ({"searches": ["nosuch"]}, "nosuch"),
    "filter": (
        {"scene_type": {"constellation": "landsat", "parameters": {"cloudd": "1"}}},
        "cloudd",
    ),
    "open ring": (
        {"geometry": {**SQUARE, "coordinates": [[[9, 55], [10, 55], [10, 56]]]}},
        "$.geometry",
    ),
    "crossing ring": ({"geometry": {**SQUARE, "coordinates": [BOW]}}, "not a valid"),
    "no geometry": ({"geometry": None}, "$.geometry"),
    "interval": ({"end_time": "2022-01-01T00:00:00Z"}, "end_time"),
    "name": ({"name": "a/b"}, "$.name"),
    "misspelt": ({"retry_cuont": 1}, "did you mean 'retry_count'?"),
}


@pytest.mark.parametrize("wrong", [*WRONG, "not JSON", "no file"])
def test_wrong_request_is_refused_and_not_sent(nowhere, ingester, tmp_path, wrong):
    # Nothing listens: to send, or to ask anyone, would be another error.
    file = tmp_path / "request.json"
    changes, expected = WRONG.get(wrong, ({}, ""))
    text = json.dumps(a_document("demo", **changes))
    if wrong == "not JSON":
        text, expected = text[:-1], "not JSON"
    if wrong == "no file":
        expected = "No such file"
    else:
        file.write_text(text)
    said = ingester("publish", str(file))
    assert said.status == 2
    assert expected in said.err
    assert said.out == ""


def test_everything_wrong_is_said_at_once(nowhere, ingester, tmp_path):
    file = tmp_path / "request.json"
    document = a_document("demo", tile_graph_name="NoSuch", searches=["nosuch"])
    document["scene_type"] = {"constellation": "venus"}
    file.write_text(json.dumps(document))
    said = ingester("publish", str(file))
    assert all(word in said.err for word in ("NoSuch", "nosuch", "venus"))


@pytest.fixture
def request_file(tmp_path):
    """A request for two scenes of a static catalogue, one place of the grid."""
    file = tmp_path / "request.json"
    file.write_text(json.dumps(a_document("demo", searches=["stac"])))
    return file


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    """Items of a static STAC catalogue."""
    names = [f"LC08_L1TP_196021_2023{day}_2023{day}_02_T1" for day in ("0502", "0518")]
    for name in names:
        item = {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": name,
            "geometry": SQUARE,
            "bbox": [9, 55, 10, 56],
            "properties": {
                "datetime": f"{name[17:21]}-{name[21:23]}-{name[23:25]}T10:00:00Z"
            },
            "links": [],
            "assets": {},
        }
        (tmp_path / f"{name}.json").write_text(json.dumps(item))
    links = [{"rel": "item", "href": f"./{name}.json"} for name in names]
    root = {
        "type": "Catalog",
        "stac_version": "1.0.0",
        "id": "c",
        "description": "two scenes",
        "links": links,
    }
    (tmp_path / "catalog.json").write_text(json.dumps(root))
    monkeypatch.setenv("INGESTER_SEARCH_STAC_URL", str(tmp_path / "catalog.json"))
    return names


def test_dry_run_shows_the_plan_and_sends_nothing(
    here, ingester, request_file, catalogue
):
    said = ingester("publish", str(request_file), "--dry-run")
    assert said.status == 0
    for name in catalogue:
        assert name in said.out
    assert "2023-05-02 ← 2023-05-18" in said.out
    assert "nothing was sent" in said.out
    plan = ingester("publish", str(request_file), "--dry-run", "--json").json
    assert [event.get("kind") for event in plan].count("PROCESS") == 2
    assert requests(here) == 0


def test_scenes_and_tiles_are_shown_and_written_as_geojson(
    nowhere, ingester, request_file, catalogue, tmp_path
):
    # No server anywhere: a catalogue is all that it takes.
    said = ingester("catalogue", "scenes", str(request_file))
    assert said.status == 0
    assert all(name in said.out for name in catalogue)
    page = ingester("catalogue", "scenes", str(request_file), "--limit", "1", "--json")
    assert page.json["properties"] == {"next": "true"}
    target = tmp_path / "tiles.geojson"
    said = ingester("catalogue", "tiles", str(request_file), "-o", str(target))
    assert "2 scenes, 2 tiles" in said.out
    document = json.loads(target.read_text())
    tiles = [f["properties"]["tiles"][0] for f in document["features"]]
    assert [bool(tile["previous"]) for tile in tiles] == [False, True]
    assert ingester("catalogue", "tiles", str(request_file), "-o", "-").json == document


def test_plan_shows_the_work_and_writes_nothing(
    here, ingester, request_file, catalogue, tmp_path
):
    document = json.loads(request_file.read_text())
    document["tile_graph_name"] = "NoSuch"
    document["scene_type"]["parameters"] = {"filename": catalogue[0]}
    request_file.write_text(json.dumps(document))
    said = ingester("catalogue", "plan", str(request_file))
    assert said.status == 0
    assert "longest chain" in said.out
    assert "refused as it is: $.tile_graph_name" in said.err
    found = ingester("catalogue", "plan", str(request_file), "--json").json
    assert (found["scenes"], found["estimate"]["processes"]) == (1, 1)
    (left_out,) = found["left_out"]
    assert left_out["scene"] == catalogue[1]
    assert requests(here) == 0


def test_chosen_scenes_are_published_instead_of_a_search(
    here, ingester, request_file, catalogue, tmp_path
):
    chosen = tmp_path / "chosen.geojson"
    ingester("catalogue", "scenes", str(request_file), "-o", str(chosen))
    document = json.loads(chosen.read_text())
    del document["features"][0]
    chosen.write_text(json.dumps(document))
    plan = ingester(
        "catalogue", "plan", str(request_file), "--scenes", str(chosen), "--json"
    ).json
    assert plan["scenes"] == 1
    before = requests(here)
    said = ingester("publish", str(request_file), "--scenes", str(chosen))
    assert said.status == 0
    *_, envelope = here.messages(REQUESTS.name)
    kept = open_documents(here.settings).read(envelope.message.document)
    assert json.loads(kept) == document

    document["features"][0]["properties"]["wkt"] = "POINT (1 2)"
    chosen.write_text(json.dumps(document))
    said = ingester("publish", str(request_file), "--scenes", str(chosen))
    assert said.status == 2
    assert "$.features[0].properties.wkt" in said.err
    assert requests(here) == before + 1


def test_published_request_is_there_when_the_command_returns(
    here, ingester, request_file, catalogue
):
    sent = ingester("publish", str(request_file), "--name", "mine", "--json").json
    (envelope,) = here.messages(REQUESTS.name)
    assert isinstance(envelope.message, IngestionRequest)
    assert envelope.message.name == "mine" == sent["area"]
    assert envelope.message.request == sent["request"] == envelope.id


def test_topics_are_created_once_and_described(here, ingester):
    again = ingester("topics", "create", "--json")
    assert again.json == {"created": []}
    described = ingester("topics", "describe", "--json").json
    assert {t["name"] for t in described} == {
        here.kafka.prefix + topic.name for topic in TOPICS
    }
    listed = ingester("topics", "list", "--json").json
    assert [t["name"] for t in listed] == [topic.name for topic in TOPICS]
    (one,) = ingester("topics", "describe", "tasks", "--json").json
    assert one["partitions"] == 4
    assert one["config"]["retention.ms"] == "-1"


def test_topic_that_would_move_keys_is_refused(here, ingester, monkeypatch):
    monkeypatch.setenv("INGESTER_TOPICS_LOG_PARTITIONS", "5")
    said = ingester("topics", "create")
    assert said.status == 1
    assert "keys must not move" in said.err


def test_tail_shows_the_last_records_decoded(here, ingester):
    here.write(*an_area("demo", 2))
    said = ingester("topics", "tail", "tasks", "--last", "2", "--json")
    assert said.status == 0, said.err
    shown = [json.loads(line) for line in said.out.splitlines()]
    assert [entry["type"] for entry in shown] == ["task-created", "ingestion-listed"]
    assert shown[-1]["value"]["scenes"] == 2
    assert shown[-1]["headers"]["ce_type"] == "ingestion-listed"
    assert "ingestion-accepted" in ingester("topics", "tail", "tasks").out
    assert ingester("topics", "tail", "nosuch").status == 2


def test_status_shows_areas_and_their_end(here, ingester):
    here.environment["INGESTER_DOWNLOADER_PROVIDERS"] = "null"
    here.start("workflow", "downloader", "processor", "projector", "gateway")
    here.write(*an_area("demo", 2))
    wait_until_ended(here, "demo")
    assert ingester("status", "demo", "--json").json["status"] == "done"
    assert [area["name"] for area in ingester("status", "--json").json] == ["demo"]
    assert "done" in ingester("status", "demo", "--follow").out
    assert ingester("status", "nosuch").status == 2


def test_released_schemas_pass_their_check(ingester):
    said = ingester("schemas", "check", "--json")
    assert said.status == 0
    assert {finding["state"] for finding in said.json} == {"released"}
    assert len(ingester("schemas", "list", "--json").json) == len(contract.releases())


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The schemas in a tree of our own."""
    copy = tmp_path / "avro"
    with as_file(contract.AVRO) as avro:
        shutil.copytree(avro, copy)
    monkeypatch.setattr(contract, "AVRO", copy)
    contract.current.cache_clear()
    yield copy
    contract.current.cache_clear()


def test_schema_that_breaks_readers_is_named(ingester, tree):
    file = tree / "download-done.avsc"
    schema = json.loads(file.read_text())
    schema["fields"].append({"name": "colour", "doc": "No default", "type": "string"})
    file.write_text(json.dumps(schema))
    said = ingester("schemas", "check", "--json")
    assert said.status == 1
    (broken,) = [f for f in said.json if f["state"] != "released"]
    assert broken["subject"] == "ingester.events.DownloadDone"
    assert broken["state"] == "broken"
    assert "colour" in broken["problems"][0]


def test_compatible_change_that_is_not_released_is_named(ingester, tree):
    file = tree / "download-done.avsc"
    schema = json.loads(file.read_text())
    field = {"name": "colour", "doc": "Of it", "type": "string", "default": ""}
    schema["fields"].append(field)
    file.write_text(json.dumps(schema))
    said = ingester("schemas", "check", "--json")
    assert said.status == 1
    (found,) = [f for f in said.json if f["state"] != "released"]
    assert (found["subject"], found["state"]) == (
        "ingester.events.DownloadDone",
        "changed",
    )


def test_settings_are_shown_without_secrets(here, ingester, monkeypatch):
    monkeypatch.setenv("INGESTER_KAFKA_PASSWORD", "hunter2")
    for said in (ingester("settings"), ingester("settings", "--json")):
        assert said.status == 0
        assert "hunter2" not in said.out
        assert here.environment["INGESTER_S3_SECRET_KEY"] not in said.out
        assert "********" in said.out
        assert here.environment["INGESTER_TOPIC_PREFIX"] in said.out


def test_setting_that_cannot_be_understood_is_named(ingester, monkeypatch):
    monkeypatch.setenv("INGESTER_TOPICS_REPLICAS", "many")
    said = ingester("settings")
    assert said.status == 2
    assert "INGESTER_TOPICS_REPLICAS" in said.err


def test_version_is_the_distributions(ingester):
    assert ingester("version").out.strip() == version("kafka-geocube-ingester")


NO_BROKER = (
    ("publish",),
    ("topics", "create"),
    ("topics", "tail", "tasks"),
    ("dead-letters", "list"),
    ("replay",),
)


@pytest.mark.parametrize("command", NO_BROKER, ids=" ".join)
def test_missing_broker_is_one_clear_line(nowhere, ingester, tmp_path, command):
    if command == ("publish",):
        file = tmp_path / "request.json"
        file.write_text(json.dumps(a_document("demo")))
        command = ("publish", str(file))
    said = ingester(*command)
    assert said.status == 1
    ours = [line for line in said.err.splitlines() if not line.startswith("%")]
    (line,) = ours
    assert line.startswith("error: ")
    assert "is Kafka" in line


def test_missing_topics_are_said_to_be_created(stack, ingester, monkeypatch):
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("INGESTER_TOPIC_PREFIX", "never.")
    said = ingester("topics", "tail", "tasks")
    assert said.status == 1
    assert "ingester topics create" in said.err


@pytest.mark.parametrize("command", [("status",), ("status", "demo")], ids=" ".join)
def test_missing_gateway_is_one_clear_line(nowhere, ingester, command):
    said = ingester(*command)
    assert said.status == 1
    (line,) = said.err.splitlines()
    assert "no gateway at" in line
    assert "INGESTER_GATEWAY_URL" in line


def test_missing_database_is_said_without_its_password(here, ingester, monkeypatch):
    dsn = f"postgresql://me:hunter2@127.0.0.1:{free_port()}/none"
    monkeypatch.setenv("INGESTER_POSTGRES_DSN", dsn)
    said = ingester("replay", "--compare")
    assert said.status == 1
    assert "INGESTER_POSTGRES_DSN" in said.err
    assert "hunter2" not in said.err


def test_provision_has_the_store_remove_uploads_that_nobody_ended(system):
    """On the embedded store, which keeps the rule."""
    settings = system.settings
    bucket = urlsplit(settings.storage_uri).netloc
    client = connect(s3.options(system.environment))
    client.delete_bucket_lifecycle(bucket)
    assert client.get_bucket_lifecycle(bucket) is None
    done = system.command("provision")
    assert done.returncode == 0, done.stderr
    (rule,) = client.get_bucket_lifecycle(bucket).rules
    assert rule.abort_incomplete_multipart_upload.days_after_initiation == 7
    assert rule.expiration is None
