# SPDX-License-Identifier: Apache-2.0
"""A packet load on an interface, by whoever can make it; the front is tools/pktgen."""
