"""A local SoftLayer: a stateful account behind the real XML-RPC protocol.

Unmodified clients (`slcli`, the SoftLayer package) talk to it; only the endpoint differs. What it
imitates, and what of that is known or guessed, is said where it is done: "[I]" marks a guess.
"""
