"""The audit: who did what, when, from where, to what, and what it looked like before and after.

`record` appends an entry. `sealing` chains entries by hash, `verification` proves the chain,
`export` gives them out, `sign_ins` records who comes and goes, `place` knows where from.
"""

from accounts.audit.entries import ANONYMOUS, SYSTEM, record

__all__ = ["ANONYMOUS", "SYSTEM", "record"]
