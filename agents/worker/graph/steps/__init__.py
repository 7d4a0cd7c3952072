# SPDX-License-Identifier: Apache-2.0
"""Native steps: functions that the engine `native` runs in a process of their own."""
