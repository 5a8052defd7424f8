"""The economics of the chain as pure functions: no state, no clock, integers in and out.

``fixed`` fixed-point arithmetic · ``yuma`` the consensus epoch · ``emission`` block emission and its
split over subnets · ``split`` what an epoch's alpha becomes · ``pools`` the constant-product pool ·
``shares`` the share pool of a hotkey's stakers · ``burn`` the fall of the registration price.
"""
