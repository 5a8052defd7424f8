"""Interop with neurons on bittensor 10: the synapse protocol, both ways.

The v10 protocol leaves parts of a request outside what is signed, and its
responses unsigned. What can be held is held: identity comes from the verified
headers, freshness has a bound of our own, nonces live in the bounded replay
store, and synapses whose body no hash covers must be allowed by name.
"""
