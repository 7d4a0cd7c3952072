# SPDX-License-Identifier: Apache-2.0
"""The workflow: folds the task log, keeps the dependency table, sends orders."""
