"""The people: their accounts, groups and logins, and the record of what they did.

The one layer beneath the command line and the pages.
"""
