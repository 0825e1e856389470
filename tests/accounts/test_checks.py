from django.apps import apps
from django.core.checks import registry
from django.db import models

from accounts.apps import AccountsConfig
from accounts.checks import check_tenancy, model_messages
from accounts.models import Tenant, User
from accounts.tenancy import TenantOwned

LEAKS = "checks_tests"  # no installed app: only this module sees these models


class Meta(TenantOwned.Meta):
    abstract = False
    app_label = LEAKS


class Closed(TenantOwned):
    class Meta:
        app_label = LEAKS


class SecondManager(TenantOwned):
    everything: models.Manager["SecondManager"] = models.Manager()
    Meta = Meta


class OtherBaseManager(TenantOwned):
    everything: models.Manager["OtherBaseManager"] = models.Manager()

    class Meta(Meta):
        base_manager_name = "everything"


class WayBack(TenantOwned):
    user = models.ForeignKey(User, models.CASCADE, related_name="secrets")
    Meta = Meta


class Untenanted(TenantOwned):
    others = models.ManyToManyField(Closed)
    Meta = Meta


class WithItsParentsTenant(Closed):
    class Meta(Closed.Meta):
        app_label = LEAKS


class FromOutside(models.Model):
    closed = models.ForeignKey(Closed, models.CASCADE)
    tenant = models.ForeignKey(Tenant, models.CASCADE)

    class Meta:
        app_label = LEAKS


def ids(model: type[models.Model]) -> list[str | None]:
    return [message.id for message in model_messages(model)]


def test_every_model_of_the_project_is_closed() -> None:
    assert check_tenancy(None) == []
    assert check_tenancy([apps.get_app_config(AccountsConfig.name)]) == []


def test_meta_may_be_written_anew() -> None:
    assert ids(Closed) == []


def test_every_manager_has_to_be_closed() -> None:
    assert ids(SecondManager) == ["accounts.E001"]
    assert ids(OtherBaseManager) == ["accounts.E001", "accounts.E001"]


def test_no_way_back_from_models_of_nobody() -> None:
    assert ids(WayBack) == ["accounts.E002"]


def test_rows_between_two_models_need_a_tenant() -> None:
    assert ids(Untenanted) == ["accounts.E003"]


def test_every_table_has_its_tenant() -> None:
    assert ids(WithItsParentsTenant) == ["accounts.E005"]


def test_a_model_of_nobody_points_to_no_tenant_owned_row() -> None:
    assert ids(FromOutside) == ["accounts.E004"]


def test_the_check_is_registered() -> None:
    registered: set[object] = {*registry.registry.registered_checks}
    assert check_tenancy in registered
