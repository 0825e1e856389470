"""The tools of an agent: what the model may call, and how a call is made.

`toolbox` is the way in. It reads an agent's rows in a database thread, once; after that nothing
here touches the database, and no call blocks the event loop.
"""
