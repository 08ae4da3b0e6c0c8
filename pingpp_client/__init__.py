"""The Ping++ provider in our words: charges, refunds, signatures.

Knows nothing of orders; of this project it reads the PINGPP_* settings alone.
"""

from pingpp_client.client import (
    CallInTransaction,
    Json,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    create_charge,
    create_refund,
    list_charges,
    list_refunds,
    retrieve_charge,
    retrieve_refund,
    reverse_charge,
)
from pingpp_client.signature import signature_is_valid
from pingpp_client.transport import time_limit

__all__ = [
    "CallInTransaction",
    "Json",
    "ProviderError",
    "ProviderRefused",
    "ProviderUnavailable",
    "create_charge",
    "create_refund",
    "list_charges",
    "list_refunds",
    "retrieve_charge",
    "retrieve_refund",
    "reverse_charge",
    "signature_is_valid",
    "time_limit",
]
