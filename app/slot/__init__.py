"""A slot: one Bokeh server process, with what a production site needs of it."""
