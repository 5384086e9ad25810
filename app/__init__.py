"""The login-protected site that live Bokeh plots are embedded in."""
