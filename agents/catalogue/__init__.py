# SPDX-License-Identifier: Apache-2.0
"""The catalogue: from a request to the tasks that serve it."""
