# SPDX-License-Identifier: Apache-2.0
"""The lab: a pair of gateways, a client and backends in network namespaces, and what runs in them."""
