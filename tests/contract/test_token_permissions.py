"""The one list of Meta's permissions: README shows it, and the simulator knows each."""

from pathlib import Path

import pytest

from connector.accounts import Login
from connector.instagram.permissions import PERMISSIONS, TO_READ_ACCOUNT, TO_READ_MESSAGES, TO_SUBSCRIBE, Need, refused
from local.simulators.meta.tokens import FACEBOOK_SCOPES, INSTAGRAM_SCOPES

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
LOGINS = {Login.FACEBOOK: "Facebook Login", Login.INSTAGRAM: "Instagram Login"}
NEEDED = {Need.ALWAYS: "always", Need.CONNECTING: "to connect", Need.LOGIN: "to log in", Need.OPTIONAL: "optional"}


def test_readme_lists_each_permission_with_what_it_is_for():
    _, _, rest = README.partition("### Permissions and access tokens\n")
    section, _, _ = rest.partition("\n### ")
    rows = [line for line in section.splitlines() if "Login | `" in line]
    assert rows == [
        f"| {LOGINS[login]} | `{one.name}` | {NEEDED[one.need]} | {one.purpose} |"
        for login, permissions in PERMISSIONS.items()
        for one in permissions
    ]


@pytest.mark.parametrize("needed", [TO_READ_ACCOUNT, TO_READ_MESSAGES, TO_SUBSCRIBE])
def test_the_permission_of_a_call_is_in_the_list(needed):
    assert all(permission in PERMISSIONS[login] for login, permission in needed.items())


def test_the_simulator_grants_every_permission():
    scopes = {Login.FACEBOOK: FACEBOOK_SCOPES, Login.INSTAGRAM: INSTAGRAM_SCOPES}
    assert all({one.name for one in permissions} <= set(scopes[login]) for login, permissions in PERMISSIONS.items())


@pytest.mark.parametrize(
    ("words", "lacking"),
    [
        ("(#200) Requires pages_manage_metadata permission to manage the object", "pages_manage_metadata"),
        ("(#10) This endpoint requires the 'instagram_basic' permission.", "instagram_basic"),
        ('requires "instagram_business_basic" permission', "instagram_business_basic"),
        ("Application does not have permission for this action", "a permission"),
        ("requires instagram_basic_display permission", "a permission"),
    ],
)
def test_a_permission_that_meta_names_is_named(words, lacking):
    assert refused(words).message == f"The access token lacks {lacking}."
