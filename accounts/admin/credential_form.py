"""The form of a credential: its secret goes in, is explained, and never comes out."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.admin.base import TenantForm
from accounts.credentials import InvalidSecret, endpoint_of, set_secret
from accounts.keyset import KeysetError
from accounts.models import Credential
from accounts.pasted_secrets import Reading, read_pasted
from accounts.places import is_google, may_be_used, origin_of, other_origins
from live import LiveError, Report

DEFAULT_LOCATION = "us-central1"
_PLACE = ("endpoint", "project", "location", "base_url")


class WriteOnlyTextarea(UnfoldAdminTextareaWidget):  # type: ignore[misc]
    """Never gives back what was entered, also not on a form with errors."""

    def format_value(self, value: Any) -> str | None:
        return None


class CredentialForm(TenantForm):
    """`trial` is what trying the credential gave, once it was tried (see `wants_trial`)."""

    trial: Report | None = None
    is_operator = False
    reading: Reading | None = None

    secret = forms.CharField(
        label="Key file or API key",
        required=False,
        strip=True,
        widget=WriteOnlyTextarea(
            attrs={
                "rows": 7,
                "autocomplete": "off",
                "spellcheck": "false",
                "data-secret": "",
                "placeholder": "Drop the JSON key file of a service account here, or paste it. "
                "Or paste an API key, or gcloud's application default credentials.",
            }
        ),
        help_text="It is sealed at once and never shown again.",
    )
    endpoint = forms.ChoiceField(
        label="Service",
        required=False,
        choices=[("", "The one that goes with the key"), *Credential.Endpoint.choices],
        widget=UnfoldAdminSelectWidget,
        help_text="A service account goes with Vertex AI, an API key with the Developer API.",
    )
    base_url = forms.CharField(
        label="Address",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Only when it is not Google's own, such as a simulator's.",
    )
    position = forms.IntegerField(
        label="Standby order",
        required=False,
        min_value=0,
        max_value=1000,
        initial=0,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="When the primary one fails, the working one with the lowest number steps in.",
    )
    store_anyway = forms.BooleanField(
        label="Store it although it does not work yet",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Otherwise nothing is stored before a real session has been opened with it.",
    )

    class Meta:
        model = Credential
        fields = ("tenant", "name", "position", "endpoint", "project", "location", "base_url")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["project"].help_text = "For Vertex AI. Empty: the key file's own."
        self.fields["location"].help_text = f"For Vertex AI. Empty: {DEFAULT_LOCATION}."
        if not self.is_operator:
            self._offer_known_addresses()
        if not self.instance._state.adding:
            self.fields[
                "secret"
            ].help_text = "Leave it empty to keep the one that is stored, which nobody can see."

    def _offer_known_addresses(self) -> None:
        """A tenant's people choose among addresses that an operator has set."""
        known = [origin for origin in other_origins() if not is_google(origin)]
        if not known:
            self.fields.pop("base_url")
            return
        self.fields["base_url"] = forms.ChoiceField(
            label="Address",
            required=False,
            choices=[("", "Google's own"), *((each, each) for each in known)],
            widget=UnfoldAdminSelectWidget,
        )

    def clean_position(self) -> int:
        """Empty is the first place."""
        return self.cleaned_data.get("position") or 0

    @property
    def wants_trial(self) -> bool:
        """Whether a valid form holds something that has not been tried yet."""
        return bool({"secret", *_PLACE} & set(self.changed_data))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        secret = cleaned.pop("secret", "")
        if self.errors:
            return cleaned
        if secret:
            self._read(secret, cleaned)
        elif self.instance.version == 0:
            self.add_error("secret", "Drop the key file here, or paste it or an API key.")
        self._settle_place(cleaned)
        # What the secret is sealed for, and what it may fill in, has to be on the row already.
        for name in ("tenant", "name", *_PLACE):
            if name in cleaned:
                setattr(self.instance, name, cleaned[name])
        if secret and not self.errors:
            self._seal(secret)
            cleaned["project"] = self.instance.project
        if not self.errors:
            self._check_endpoint()
        if not self.errors:
            self._heed_trial(cleaned)
        return cleaned

    def _read(self, secret: str, cleaned: dict[str, Any]) -> None:
        allowed = (lambda _: True) if self.is_operator else may_be_used
        self.reading = read_pasted(secret, project=cleaned.get("project", ""), may_ask=allowed)
        for fault in self.reading.faults:
            self.add_error("secret", fault)
        if self.reading.kind is not None:
            self.instance.kind = self.reading.kind

    def _settle_place(self, cleaned: dict[str, Any]) -> None:
        """Fill in what was left empty and follows from the key."""
        is_key = self.instance.kind == Credential.Kind.API_KEY
        default = Credential.Endpoint.DEVELOPER if is_key else Credential.Endpoint.VERTEX
        cleaned["endpoint"] = cleaned.get("endpoint") or default
        if cleaned["endpoint"] == Credential.Endpoint.VERTEX:
            cleaned["location"] = cleaned.get("location") or DEFAULT_LOCATION
            own = self.reading.project if self.reading else ""
            cleaned["project"] = cleaned.get("project") or own
        token_uri = self.reading.facts.get("token_uri", "") if self.reading else ""
        if token_uri and not is_google(token_uri) and not cleaned.get("base_url"):
            cleaned["base_url"] = origin_of(token_uri)

    def _seal(self, secret: str) -> None:
        try:
            set_secret(self.instance, secret)
        except (InvalidSecret, LiveError) as error:
            self.add_error("secret", str(error))
        except KeysetError as error:
            self.add_error("secret", f"{error} {error.fix}")

    def _check_endpoint(self) -> None:
        try:
            endpoint_of(self.instance)
        except LiveError as error:
            self.add_error("endpoint", str(error))

    def _heed_trial(self, cleaned: dict[str, Any]) -> None:
        failure = self.trial.failure if self.trial else None
        if failure is None or cleaned.get("store_anyway"):
            return
        fix = failure.diagnosis.fix if failure.diagnosis else ""
        self.add_error(None, f"Nothing was stored. {failure.detail} {fix}")
