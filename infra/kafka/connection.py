# SPDX-License-Identifier: Apache-2.0
"""How to reach the brokers: the options that every client of ours shares."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException

from streams.errors import BrokerError

# librdkafka hashes keys with CRC32 by default, faust and Java with murmur2: one area
# would live on two partitions, and its facts would be folded out of order.
PARTITIONER = "murmur2_random"

# What is asked of a cluster that answers takes milliseconds; people wait for the rest.
METADATA_S = 10.0


class Secret(Protocol):
    """A text that does not show itself."""

    def get_secret_value(self) -> str:
        """The text."""
        ...


class KafkaSettings(Protocol):
    """The settings that say how to reach Kafka."""

    @property
    def kafka_bootstrap(self) -> str: ...  # noqa: D102
    @property
    def kafka_security_protocol(self) -> str: ...  # noqa: D102
    @property
    def kafka_sasl_mechanism(self) -> str: ...  # noqa: D102
    @property
    def kafka_username(self) -> str: ...  # noqa: D102
    @property
    def kafka_password(self) -> Secret: ...  # noqa: D102
    @property
    def topic_prefix(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Connection:
    """Brokers and credentials."""

    bootstrap: str
    """Comma-separated `host:port`."""
    client_id: str = "ingester"
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    prefix: str = ""
    """Before every topic and group name, for two systems on one cluster."""

    def options(self) -> dict[str, Any]:
        """Options of any librdkafka client."""
        options: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "client.id": self.client_id,
            "security.protocol": self.security_protocol,
            # Brokers come back; what matters is raised from delivery reports and polls.
            "log_level": 3,
        }
        if self.sasl_mechanism:
            options |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.username,
                "sasl.password": self.password,
            }
        return options


def connection(settings: KafkaSettings, client_id: str) -> Connection:
    """How the settings say to reach Kafka."""
    return Connection(
        bootstrap=settings.kafka_bootstrap,
        client_id=client_id,
        security_protocol=settings.kafka_security_protocol,
        sasl_mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_username,
        password=settings.kafka_password.get_secret_value(),
        prefix=settings.topic_prefix,
    )


_WHAT_TO_DO = {
    KafkaError._ALL_BROKERS_DOWN: "is Kafka running? `ingester ps` tells",
    KafkaError._TRANSPORT: "is Kafka running? `ingester ps` tells",
    KafkaError._RESOLVE: "check INGESTER_KAFKA_BOOTSTRAP",
    KafkaError._TIMED_OUT: "is Kafka reachable at INGESTER_KAFKA_BOOTSTRAP?",
    KafkaError._MSG_TIMED_OUT: "Kafka did not acknowledge in time; see its log",
    KafkaError._AUTHENTICATION: "check INGESTER_KAFKA_USERNAME and its password",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "grant this user access to the topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "grant this user access to the group",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "create the topics: `ingester topics create`",
    KafkaError._UNKNOWN_TOPIC: "create the topics: `ingester topics create`",
    KafkaError._UNKNOWN_PARTITION: "create the topics: `ingester topics create`",
    KafkaError.MSG_SIZE_TOO_LARGE: "raise max.message.bytes of the topic",
}


def broker_error(what: str, error: KafkaError) -> BrokerError:
    """The error of ours for one of librdkafka's, with what to do next."""
    advice = _WHAT_TO_DO.get(error.code())
    text = f"{what}: {error.str()} ({error.name()})"
    return BrokerError(f"{text}; {advice}" if advice else text)


def guarded(what: str, call: Callable[[], Any]) -> Any:
    """The call's result; librdkafka's exceptions become `BrokerError`."""
    try:
        return call()
    except KafkaException as error:
        raise broker_error(what, error.args[0]) from error
