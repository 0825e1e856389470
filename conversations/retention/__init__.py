"""How long things are kept, what may not be erased, and erasing.

`holds` says what is held, `erasing` erases conversations, `due` what had its time, `people` one
person everywhere (`person` says what is there of one, `report` tells what was done). Rows go in
short transactions, each with its entry in the audit; files go after the commit of their rows
(`conversations.recordings.deleting`). docs/decisions/042 says more.
"""

from conversations.retention.erasing import erase_conversation
from conversations.retention.holds import ErasureRefused, OnHold, StillRunning

__all__ = ["ErasureRefused", "OnHold", "StillRunning", "erase_conversation"]
