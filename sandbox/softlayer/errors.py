"""The faults SoftLayer answers with: its codes and its words.

Sources: texts seen in public issue threads of softlayer-python (#345, #568, #699, #804, #884),
terraform-provider-softlayer (#50, #131) and vagrant-softlayer (#65); "[I]" marks our own guess.
"""

from __future__ import annotations

from SoftLayer.exceptions import SoftLayerAPIError

PUBLIC = "SoftLayer_Exception_Public"
INVALID_VALUE = "SoftLayer_Exception_InvalidValue"
MISSING_PROPERTY = "SoftLayer_Exception_MissingCreationProperty"
OBJECT_NOT_FOUND = "SoftLayer_Exception_ObjectNotFound"
RATE_LIMIT = "SoftLayer_Exception_WebService_RateLimitExceeded"

ApiError = SoftLayerAPIError


def fault(code: str, text: str) -> SoftLayerAPIError:
    """A fault with SoftLayer's code (always a string in XML-RPC) and text."""
    return SoftLayerAPIError(code, text)


def access_denied() -> SoftLayerAPIError:
    return fault(PUBLIC, "Access Denied.")


def invalid_token() -> SoftLayerAPIError:
    return fault(PUBLIC, "Invalid API token.")


def internal_error() -> SoftLayerAPIError:
    return fault(PUBLIC, "Internal Error")


def invalid_value(name: str, reason: str = "") -> SoftLayerAPIError:
    return fault(INVALID_VALUE, f"Invalid value provided for '{name}'. {reason}".rstrip())


def missing_property(name: str, kind: str = "SoftLayer_Virtual_Guest") -> SoftLayerAPIError:
    text = f"The property '{name}' must be set to create an instance of '{kind}'."
    return fault(MISSING_PROPERTY, text)


def not_found(object_id: object) -> SoftLayerAPIError:
    return fault(OBJECT_NOT_FOUND, f"Unable to find object with id of '{object_id}'.")


def no_object() -> SoftLayerAPIError:
    return fault("SoftLayer_Exception", "Object does not exist to execute method on.")


def no_service() -> SoftLayerAPIError:
    return fault("SoftLayer_Exception", "Service does not exist")


def no_method(name: str) -> SoftLayerAPIError:
    return fault("Client", f'Function ("{name}") is not a valid method for this service')


def bad_mask_property(name: str, kind: str) -> SoftLayerAPIError:
    code = "SoftLayer_Exception_WebService_ObjectMask"
    return fault(code, f"Property '{name}' not valid for '{kind}'.")


def bad_mask_syntax(column: int, wanted: str, got: str) -> SoftLayerAPIError:
    text = f"Error on line 1 at column {column}: Expected {wanted}, got '{got}'"
    return fault("SoftLayer_Exception_Common_Parser", text)


def rate_limited(limit: int = 50) -> SoftLayerAPIError:
    return fault(RATE_LIMIT, f"Rate limit of {limit} requests for every 1 second(s) exceeded.")


def active_transaction() -> SoftLayerAPIError:
    text = (
        "This cancellation could not be processed. Please contact support. "
        "There is currently an active transaction."
    )
    return fault(PUBLIC, text)


def malformed() -> SoftLayerAPIError:
    return fault("-32700", "parse error. not well formed")
