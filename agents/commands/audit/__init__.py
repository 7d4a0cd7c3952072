# SPDX-License-Identifier: Apache-2.0
"""`ingester audit`: is everything as the log says?"""
