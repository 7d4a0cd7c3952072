# SPDX-License-Identifier: Apache-2.0
"""`python -m agents`: the same as `ingester`."""

from agents.cli import main

main()
