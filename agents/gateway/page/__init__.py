# SPDX-License-Identifier: Apache-2.0
"""The operator's page: static files that ask the public API, and no build step."""
