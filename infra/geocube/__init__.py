# SPDX-License-Identifier: Apache-2.0
"""The Geocube: our client, its stubs, and a stand-in server for demo and tests."""
