"""Webhooks: what happens in an organisation is told to addresses of its own, signed.

`outbox` writes what is to be told in the transaction in which it happens, and `telling` says it in
the words of the API. `delivering` sends it: it claims what is due by a lease, makes up to so many
requests at once (`network`, `asking`), and notes what came of each; `schedule` says when one is
made again. `endpoints` looks after the addresses, `keeping` forgets what is old. `signing` and
`schedule` know nothing of all this.
"""
