"""A local stand-in for the Ping++ payment API; see `pingpp_sandbox.sandbox.Sandbox`."""
