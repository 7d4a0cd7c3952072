# SPDX-License-Identifier: Apache-2.0
"""The downloader: from a scene to the layers of its tiles."""
