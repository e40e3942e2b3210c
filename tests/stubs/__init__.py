"""The services around the gateway and the operator, as far as these two can tell: see stubs/README.md."""
