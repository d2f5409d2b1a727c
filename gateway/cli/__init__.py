"""The command line: demo, serve, call, local-model, config."""
