from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import pages

urlpatterns = [
    path("login/", pages.LoginPage.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("tenant/", pages.switch_tenant, name="switch-tenant"),
]
