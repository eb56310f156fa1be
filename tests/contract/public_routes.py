"""The routes that need no bearer token: why each is public, and the tests that prove its own protection.

A route that docs/openapi.json gives `security: []` and that is missing here fails the tests.
"""

from dataclasses import dataclass

_ANYBODY = "tests/integration/test_tenant_wall.py::test_a_public_route_refuses_what_is_not_proven"
_WEBHOOK = (
    _ANYBODY,
    "tests/integration/test_webhook_reads.py::test_a_malformed_signature_causes_no_ssm_read",
    "tests/e2e/test_two_tenants.py::test_i7_an_event_for_the_other_tenant_is_not_believed_on_its_path_or_on_everybodys",
)
_HANDSHAKE = (
    _ANYBODY,
    "tests/e2e/test_two_tenants.py::test_the_other_tenants_webhook_does_not_answer_the_own_handshake",
)
_CALLBACK = (
    _ANYBODY,
    "tests/e2e/test_two_tenants.py::test_j7_metas_callbacks_believe_nothing_that_is_signed_with_the_own_secret",
)


@dataclass(frozen=True, slots=True)
class Public:
    """Why a route is public, and the tests of what protects it instead of a token."""

    reason: str
    proofs: tuple[str, ...]


PUBLIC = {
    "receiveWebhook": Public("Meta calls it. X-Hub-Signature-256 proves the sender.", _WEBHOOK),
    "receiveWebhookOfApp": Public("Meta calls it. X-Hub-Signature-256 proves the sender.", _WEBHOOK),
    "verifyWebhook": Public("Meta calls it. The verification token proves the sender.", _HANDSHAKE),
    "verifyWebhookOfApp": Public("Meta calls it. The verification token proves the sender.", _HANDSHAKE),
    "deauthorize": Public("Meta calls it. The signed_request proves the sender.", _CALLBACK),
    "deauthorizeOfApp": Public("Meta calls it. The signed_request proves the sender.", _CALLBACK),
    "deleteData": Public("Meta calls it. The signed_request proves the sender.", _CALLBACK),
    "deleteDataOfApp": Public("Meta calls it. The signed_request proves the sender.", _CALLBACK),
    "confirmLogin": Public(
        "The owner's browser posts it. The page's ticket proves that the page was seen.",
        (
            _ANYBODY,
            (
                "tests/integration/test_login_routes.py"
                "::test_h13_an_attackers_address_connects_nothing_without_the_confirmation"
            ),
        ),
    ),
    "finishLogin": Public(
        "The owner's browser comes back from Meta, without a token. The one-time state proves the login.",
        (_ANYBODY, "tests/integration/test_login_routes.py::test_h13_a_state_is_good_once"),
    ),
    "showDeletion": Public(
        "A person opens the address that Meta shows. The page needs a code of 128 random bits and tells times only.",
        (
            _ANYBODY,
            "tests/integration/test_forgetting_routes.py::test_the_page_is_for_people_and_tells_nothing_of_anybody",
        ),
    ),
}
"""By operationId."""
