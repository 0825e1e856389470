"""What the cache stores: JSON, because Django's own choice, pickle, runs whatever lies in Redis."""

import json
from typing import Any


class JsonSerializer:
    """Turns cached values into bytes and back. Whole numbers stay as Redis counts them."""

    def dumps(self, value: Any) -> bytes | int:
        if type(value) is int:  # a bool is an int too, and has to come back as one
            return value
        return json.dumps(value, separators=(",", ":")).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)
