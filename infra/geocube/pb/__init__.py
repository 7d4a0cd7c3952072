# SPDX-License-Identifier: Apache-2.0
"""Generated from `protos/` by `python -m infra.geocube.generate`; never edited."""
