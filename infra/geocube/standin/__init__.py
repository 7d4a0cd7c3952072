# SPDX-License-Identifier: Apache-2.0
"""A Geocube for demo and tests: the catalogue's side of the interface, over PostgreSQL.

It answers as the reference server does, with its codes and details, but keeps
datasets free of doubles and never invents ids. It serves no pixels and runs no
consolidation: those calls answer UNIMPLEMENTED.
"""
