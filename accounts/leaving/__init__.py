"""Leaving: a tenant takes everything along, and can have everything deleted.

`models` has the jobs, `decisions` what is taken of each table, `files` where a tenant's files lie.
`lines`, `zipped`, `contents` and `archives` make the one file with everything; `departures` asks
for the deletion and takes it back, `erasure` does it, `report` tells what was done. `pages` shows
all of it to owners.
"""
