"""Signing in through an OpenID Connect provider, where the environment names one."""
