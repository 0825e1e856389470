"""The addresses of signing in, of one's own account and of a tenant's members.

allauth's views are listed one by one: what is not here (signing up, e-mail addresses) is not
reachable. Their names are the ones that allauth looks for.
"""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from django.urls import path, re_path

from accounts import member_pages, pages
from accounts.leaving import pages as leaving
from accounts.single_sign_on import pages as sign_on
from accounts.single_sign_on import setup_pages

urlpatterns = [
    path("login/", sign_on.LoginPage.as_view(), name="account_login"),
    path("login/single-sign-on/", sign_on.begin, name="single-sign-on"),
    path(
        "login/single-sign-on/<uuid:tenant_id>/",
        sign_on.come_back,
        name="single-sign-on-return",
    ),
    path("login/passkey/", passkeys.login_webauthn, name="mfa_login_webauthn"),
    path("login/second-factor/", mfa.authenticate, name="mfa_authenticate"),
    path("logout/", pages.LogoutPage.as_view(), name="account_logout"),
    path("signup/", account.signup, name="account_signup"),
    path("login/closed/", account.account_inactive, name="account_inactive"),
    path("password/", pages.PasswordResetPage.as_view(), name="account_reset_password"),
    path("password/sent/", account.password_reset_done, name="account_reset_password_done"),
    path("password/link/", pages.follow_password_link, name="password-link"),
    re_path(
        r"^password/new/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("visit/end/", pages.stop_looking, name="end-visit"),
    path("account/", pages.account, name="account"),
    path("account/confirm/", account.reauthenticate, name="account_reauthenticate"),
    path("account/password/", account.password_change, name="account_change_password"),
    path("account/password/first/", account.password_set, name="account_set_password"),
    path("account/password-link/", pages.make_password_link, name="make-password-link"),
    path("account/sessions/", pages.SessionsPage.as_view(), name="usersessions_list"),
    path("account/sessions/<int:session_id>/end/", pages.end_session, name="end-session"),
    path("account/second-factor/", mfa.index, name="mfa_index"),
    path("account/second-factor/confirm/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("account/second-factor/app/", totp.activate_totp, name="mfa_activate_totp"),
    path("account/second-factor/app/remove/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/second-factor/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "account/second-factor/codes/new/",
        codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "account/second-factor/codes/file/",
        codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
    path("account/passkeys/", passkeys.list_webauthn, name="mfa_list_webauthn"),
    path("account/passkeys/add/", passkeys.add_webauthn, name="mfa_add_webauthn"),
    path(
        "account/passkeys/confirm/",
        passkeys.reauthenticate_webauthn,
        name="mfa_reauthenticate_webauthn",
    ),
    path("account/passkeys/<int:pk>/remove/", passkeys.remove_webauthn, name="mfa_remove_webauthn"),
    path("account/passkeys/<int:pk>/", passkeys.edit_webauthn, name="mfa_edit_webauthn"),
    path("tenant/", pages.switch_tenant, name="switch-tenant"),
    path("invitation/", member_pages.invitation, name="invitation"),
    path("organisation/", leaving.organisation, name="organisation"),
    path("organisation/archives/", leaving.make_archive, name="make-archive"),
    path(
        "organisation/archives/<uuid:archive_id>/file/",
        leaving.download_archive,
        name="download-archive",
    ),
    path("organisation/leave/", leaving.leave, name="leave"),
    path("organisation/stay/", leaving.stay, name="take-back"),
    path("members/", member_pages.list_members, name="members"),
    path("members/invite/", member_pages.invite, name="invite-member"),
    path(
        "members/second-factor/",
        member_pages.require_second_factor,
        name="require-second-factor",
    ),
    path("members/single-sign-on/", setup_pages.set_up, name="single-sign-on-setup"),
    path("members/single-sign-on/test/", setup_pages.try_out, name="single-sign-on-test"),
    path("members/single-sign-on/discard/", setup_pages.discard, name="single-sign-on-discard"),
    path("members/single-sign-on/end/", setup_pages.end, name="single-sign-on-end"),
    path("members/single-sign-on/forget/", setup_pages.forget, name="single-sign-on-forget"),
    path("members/<uuid:membership_id>/", member_pages.change_member, name="change-member"),
    path(
        "members/invitations/<uuid:invitation_id>/revoke/",
        member_pages.revoke_invitation,
        name="revoke-invitation",
    ),
]
