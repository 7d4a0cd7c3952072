# SPDX-License-Identifier: Apache-2.0
"""The gateway: the HTTP face of the system."""
