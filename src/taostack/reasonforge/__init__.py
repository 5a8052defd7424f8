"""reasonforge"""
