"""What conversations use: counted once, priced when it is written, summed by day.

`meter` notes it beside a running conversation, `book` writes it down, `prices` says what it
costs, `sums` adds it up, `periods` knows days, months and where a month is going.
"""

from conversations.usage.periods import forecast, month_of
from conversations.usage.sums import Used, spent_micros, talked_ms, used_by

__all__ = ["Used", "forecast", "month_of", "spent_micros", "talked_ms", "used_by"]
