"""pallets"""
