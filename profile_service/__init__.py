"""One customer, now: the rules of identity, the contracts of feeds and requests, and what serves a profile."""
