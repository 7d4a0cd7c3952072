# SPDX-License-Identifier: Apache-2.0
"""What catalogue, downloader and processor share. Not an agent."""
