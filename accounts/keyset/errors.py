"""What can go wrong with the keyset. No text holds key material or a ciphertext."""


# KeysetError
# ├── KeysetUnreadable        the keyset of KEYSET_FILE cannot be used
# │   ├── KeysetMissing       there is no file
# │   ├── KeysetMalformed     the file is no keyset, or is encrypted and nobody says by what
# │   └── KmsError            the key management service that guards the file
# │       ├── KmsUnsupported  KEYSET_KMS_URI names a service that Parley does not know
# │       ├── KmsNotInstalled its library is not installed
# │       └── KmsRefused      it does not open the file: another key, no permission, no network
# ├── KeysetExists            a keyset was to be created where there is a file
# ├── KeysetBusy              another command is changing the keyset
# ├── KeysetNotOurs           the file could not be replaced without taking it from its owner
# ├── RotationRefused         a step of a rotation would do harm now
# └── Unsealable              a ciphertext does not open here
#     └── KeyMissing          its key is not in the file, or is disabled there
class KeysetError(Exception):
    """The keyset cannot do what was asked. `fix` says what to do about it."""

    code = "keyset"
    fix = "Check KEYSET_FILE."


class KeysetUnreadable(KeysetError):
    code = "keyset-unreadable"
    fix = "Check that KEYSET_FILE may be read by the user that Parley runs as."


class KeysetMissing(KeysetUnreadable):
    fix = "Check KEYSET_FILE, or create a keyset with `python manage.py keyset create`."


class KeysetMalformed(KeysetUnreadable):
    code = "keyset-malformed"
    fix = "Restore the file from its backup; Parley never writes half a file."

    def __init__(self, text: str, *, fix: str = fix) -> None:
        super().__init__(text)
        self.fix = fix


class KmsError(KeysetUnreadable):
    code = "keyset-kms"
    fix = "Check KEYSET_KMS_URI."


class KmsUnsupported(KmsError):
    code = "keyset-kms-unsupported"
    fix = "Set KEYSET_KMS_URI to gcp-kms://... or aws-kms://..., or to nothing."


class KmsNotInstalled(KmsError):
    code = "keyset-kms-not-installed"

    def __init__(self, extra: str) -> None:
        super().__init__(f"The library for KEYSET_KMS_URI is not installed: tink's extra {extra}.")
        self.fix = f"Install it: pip install 'tink[{extra}]'."


class KmsRefused(KmsError):
    code = "keyset-kms-refused"
    fix = (
        "Check that KEYSET_KMS_URI names the key that the file was encrypted with, that this "
        "machine's account may use it, and that the service can be reached."
    )


class KeysetExists(KeysetError):
    code = "keyset-exists"
    fix = "Keep the file: what it sealed opens with nothing else."


class KeysetBusy(KeysetError):
    code = "keyset-busy"
    fix = "Wait until it has ended; an interrupted command holds nothing."

    def __init__(self) -> None:
        super().__init__("Another keyset command is running.")


class KeysetNotOurs(KeysetError):
    code = "keyset-not-ours"
    fix = "Run the command as the owner of KEYSET_FILE, or as root."

    def __init__(self) -> None:
        super().__init__("The keyset file belongs to another user, who could not read a new one.")


class RotationRefused(KeysetError):
    code = "keyset-rotation-refused"

    def __init__(self, text: str, *, fix: str) -> None:
        super().__init__(text)
        self.fix = fix


class Unsealable(KeysetError):
    code = "undecryptable"
    fix = "Restore the keyset that sealed it, or enter the secret again."


class KeyMissing(Unsealable):
    """Says nothing about the ciphertext: with another copy of the file it may open."""

    code = "keyset-key-missing"
    fix = "Bring KEYSET_FILE of this machine up to date, restore it, or enter the secret again."

    def __init__(self, key_id: int) -> None:
        super().__init__(f"A stored secret is sealed with key {key_id}, which cannot be used here.")
        self.key_id = key_id
