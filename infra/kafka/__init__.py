# SPDX-License-Identifier: Apache-2.0
"""Kafka: writing, reading, topics. The only room that knows confluent_kafka."""
