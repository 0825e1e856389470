"""The keyset that seals secrets at rest: a Tink AEAD keyset in a file (docs/guides/keyset.md).

What is sealed names its key, so a keyset may hold several: all of them open, the primary one
seals. Whoever has the file can open every stored secret; whoever loses it, none.

`errors` says what can go wrong, `keys` changes a keyset, `kms` guards its file with a key
management service, `file` reads and replaces the file, `sealing` seals and opens, `field` is
the model field for what is sealed, and `rotation` brings in a new key and takes out the old one.
"""

from accounts.keyset.errors import (
    KeyMissing,
    KeysetBusy,
    KeysetError,
    KeysetExists,
    KeysetMalformed,
    KeysetMissing,
    KeysetNotOurs,
    KeysetUnreadable,
    KmsError,
    KmsNotInstalled,
    KmsRefused,
    KmsUnsupported,
    RotationRefused,
    Unsealable,
)
from accounts.keyset.field import SealedField
from accounts.keyset.file import create_keyset
from accounts.keyset.sealing import Binding, seal, unseal

__all__ = [
    "Binding",
    "KeyMissing",
    "KeysetBusy",
    "KeysetError",
    "KeysetExists",
    "KeysetMalformed",
    "KeysetMissing",
    "KeysetNotOurs",
    "KeysetUnreadable",
    "KmsError",
    "KmsNotInstalled",
    "KmsRefused",
    "KmsUnsupported",
    "RotationRefused",
    "SealedField",
    "Unsealable",
    "create_keyset",
    "seal",
    "unseal",
]
