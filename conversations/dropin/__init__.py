"""The Live drop-in: Google's own protocol at Google's own paths, for unmodified official SDKs.

A conversation over it is authorised, limited, stored and reviewed like any other. `telling` and
`hearing` translate, without I/O; `opening` lets callers in; `consumer` is one socket; `rest` is
what the SDKs ask over HTTP.
"""
