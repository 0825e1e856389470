"""What is heard, kept with consent: how it is cut, stored, played and deleted.

`tape` (pure) cuts both sides of a conversation into segments on its own clock, `recorder` takes
them to the storage on a thread of its own, `mix` plays them again as one sound.
"""
