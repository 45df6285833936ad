"""Adapters: small trained changes of a frozen network, chosen by each call of it."""
