# SPDX-License-Identifier: Apache-2.0
"""`ingester demo`: a small ingestion from beginning to end, on products of its own."""
