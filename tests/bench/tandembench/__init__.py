# SPDX-License-Identifier: Apache-2.0
"""What tools/bench measures: each module one part, all of them lists of rows (rows.py)."""
