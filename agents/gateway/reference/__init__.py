# SPDX-License-Identifier: Apache-2.0
"""The routes of the Go ingester's workflow, for scripts and pages that call them."""
