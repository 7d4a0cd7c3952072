# SPDX-License-Identifier: Apache-2.0
"""`ingester provision`: what must be there before the agents start."""

from urllib.parse import urlsplit

from agents.commands.terminal import OUT, AsJson, say_json
from agents.commands.topics import layout
from agents.settings import Settings, load_settings
from agents.worker.equipment import s3_options
from infra.kafka import provision as kafka
from infra.kafka.connection import connection
from infra.minio.provision import provision_bucket
from infra.postgres.migrate import migrate
from streams.topics import TOPICS


def provision(as_json: AsJson = False) -> None:
    """Create what is not there: the topics, the read model's tables, the bucket.

    Run it once before the agents of a deployment; again is harmless.
    """
    made = prepare(load_settings())
    if as_json:
        say_json({"created": made})
        return
    for name in made:
        OUT.print(f"created {name}", highlight=False)
    OUT.print("topics, tables and bucket are there")


def prepare(settings: Settings) -> list[str]:
    """Topics, tables and the bucket as the settings want them; what was created.

    Raises:
        BrokerError: a topic cannot be created, or has another number of partitions.
        ReadModelError: PostgreSQL refuses or does not answer.
        StoreError: the object store refuses or does not answer.
    """
    made = kafka.create(connection(settings, "cli"), TOPICS, layout(settings))
    made += migrate(settings.postgres_dsn.get_secret_value())
    root = urlsplit(settings.storage_uri)
    if root.scheme == "s3":
        provision_bucket(root.netloc, s3_options(settings))
    return made
