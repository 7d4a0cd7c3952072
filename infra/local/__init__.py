# SPDX-License-Identifier: Apache-2.0
"""The embedded stack: Kafka, PostgreSQL and S3 as child processes, on loopback.

`stack` is the face. `supervisor` is the one process that owns the children: it restarts
what dies, and when it is killed its children die with it.
"""
