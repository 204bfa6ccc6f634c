"""What the standalone server adds to the app's own pages."""
