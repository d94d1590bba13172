# SPDX-License-Identifier: Apache-2.0
"""Byte-checked connections through everything that can happen to a pair: see tools/ledger."""
