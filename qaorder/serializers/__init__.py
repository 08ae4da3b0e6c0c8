"""JSON of the order app, exactly as the published document shows it."""
