"""Endpoints below /qaorder/, and the recharge below /accounts/balance/."""
