"""A profile as one self-contained page: HTML with inline style and SVG, no script, nothing from elsewhere."""
