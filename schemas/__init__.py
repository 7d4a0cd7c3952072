# SPDX-License-Identifier: Apache-2.0
"""The contract: Avro schemas of every record on our topics, and the released ones."""
