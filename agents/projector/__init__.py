# SPDX-License-Identifier: Apache-2.0
"""The projector: the task log as tables that people and programs can query."""
