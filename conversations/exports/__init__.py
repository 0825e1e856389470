"""Exports: conversations as one file, written part by part by Celery.

`wanted` says which conversations, `reading` reads them in order from any position on, `written`
and `sounds` make pieces of bytes of what was read, `pieces` cuts those into parts. `jobs` stores
the parts and joins them, and `sweeping` sends again for what nobody works on and deletes what has
had its time; `schedules` asks by the clock, `links` gives the file out. `redaction` knows nothing
of all this: text in, text out.
"""
