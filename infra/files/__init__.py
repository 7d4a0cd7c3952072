# SPDX-License-Identifier: Apache-2.0
"""The object store that is a folder: no server, one machine or a shared mount."""
