# SPDX-License-Identifier: Apache-2.0
"""Answers of a Geocube: what they become with us, and what PostgreSQL's become."""

import grpc
import psycopg
import pytest
from grpc import StatusCode
from psycopg_pool import PoolTimeout

from infra.geocube.errors import Declined, declined, ours
from infra.geocube.standin.__main__ import run
from infra.geocube.standin.answers import Refusal, not_found, of_database
from streams.errors import (
    IndexConflict,
    IndexRefused,
    IndexUnavailable,
    StackError,
)


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (StatusCode.UNAVAILABLE, "", IndexUnavailable),
        (StatusCode.DEADLINE_EXCEEDED, "", IndexUnavailable),
        (StatusCode.INTERNAL, "RST_STREAM", IndexUnavailable),
        (StatusCode.CANCELLED, "", IndexUnavailable),
        (StatusCode.RESOURCE_EXHAUSTED, "busy", IndexUnavailable),
        (
            StatusCode.RESOURCE_EXHAUSTED,
            "grpc: received message larger than max (5 vs. 4)",
            IndexRefused,
        ),
        (
            StatusCode.RESOURCE_EXHAUSTED,
            "Received message larger than max",
            IndexRefused,
        ),
        (StatusCode.UNKNOWN, "backend.uow: no such file [58P01]", IndexUnavailable),
        (StatusCode.UNKNOWN, "backend.x: deadlock detected [40P01]", IndexUnavailable),
        (StatusCode.UNKNOWN, "backend.x [22P02]", IndexRefused),
        (StatusCode.UNKNOWN, "backend.x [23505]", IndexRefused),
        (StatusCode.UNKNOWN, "backend.x [42601]", IndexRefused),
        (StatusCode.UNKNOWN, "backend.x [54000]", IndexRefused),
        (StatusCode.UNKNOWN, "badly formatted storage uri", IndexRefused),
        (StatusCode.INVALID_ARGUMENT, "s3://a cannot be opened: 503", IndexUnavailable),
        (StatusCode.INVALID_ARGUMENT, "gs://a is not reachable", IndexUnavailable),
        (StatusCode.INVALID_ARGUMENT, "Invalid Name: a.b", IndexRefused),
        (StatusCode.NOT_FOUND, "", IndexRefused),
        (StatusCode.FAILED_PRECONDITION, "", IndexRefused),
        (StatusCode.UNIMPLEMENTED, "", IndexRefused),
        (StatusCode.ALREADY_EXISTS, "", IndexConflict),
        (StatusCode.UNAUTHENTICATED, "invalid token", IndexUnavailable),
        (StatusCode.PERMISSION_DENIED, "", IndexUnavailable),
    ],
)
def test_answer_becomes_an_error_of_ours(code, message, error):
    answer = Declined(code, message)
    assert type(ours("layer 'B04'", answer)) is error
    assert str(ours("layer 'B04'", answer)).startswith(f"layer 'B04': {code.name}: ")


def test_failure_without_a_call_may_pass():
    assert declined(grpc.RpcError("channel closed")).may_pass


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (PoolTimeout("no connection"), StatusCode.UNAVAILABLE, "no connection"),
        (psycopg.OperationalError("refused"), StatusCode.UNAVAILABLE, "refused"),
        (psycopg.errors.AdminShutdown("ends"), StatusCode.UNAVAILABLE, "ends"),
        (psycopg.errors.ConnectionFailure("broke"), StatusCode.UNAVAILABLE, "broke"),
        (psycopg.errors.DeadlockDetected("dead"), StatusCode.UNKNOWN, "dead [40P01]"),
        (psycopg.errors.UniqueViolation("two"), StatusCode.UNKNOWN, "two [23505]"),
        (psycopg.errors.QueryCanceled("slow"), StatusCode.UNKNOWN, "slow [57014]"),
        (psycopg.DataError("NUL"), StatusCode.UNKNOWN, "NUL [22021]"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_error_of_the_database_becomes_an_answer(error, code, text):
    refusal = of_database(error)
    assert (refusal.code, refusal.message) == (code, f"backend.{text}")


def test_long_answers_are_cut():
    refusal = not_found("Container", "uri", "a" * 5000)
    assert refusal.message == f"Container with uri: {'a' * 5000}"[:3000] + "[...]"
    assert refusal.about.resource_name == "a" * 1000 + "[...]"
    assert Refusal(StatusCode.UNKNOWN, "short").message == "short"


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({}, "INGESTER_GEOCUBE_LISTEN"),
        ({"INGESTER_GEOCUBE_LISTEN": "127.0.0.1:1"}, "INGESTER_GEOCUBE_DSN"),
    ],
)
def test_missing_setting_is_named(settings, missing):
    with pytest.raises(StackError, match=f"{missing} is not set"):
        run(settings)
