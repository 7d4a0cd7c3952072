# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL: the read model's schema, its named queries, its connections."""
