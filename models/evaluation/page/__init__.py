"""What pages of results share: style, template, pictures, plots, and how they are written."""
