"""The site's certificate on a host: where it comes from, where it is, and what is served."""
