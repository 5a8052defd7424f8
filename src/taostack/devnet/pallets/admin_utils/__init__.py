"""AdminUtils: hyperparameters, set by a subnet's owner or by root.

``table`` names every setter that does nothing but check and store; ``special``
holds those that do more. ``apply`` turns the table into calls.
"""

from taostack.devnet.pallets.admin_utils import apply, special

__all__ = ["apply", "special"]
