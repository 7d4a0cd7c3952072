# SPDX-License-Identifier: Apache-2.0
"""One folder for each machine we talk to: its client, and what stands it up."""
