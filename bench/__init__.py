"""How fast the site is, measured on a provisioned host beside what it could be at best."""
